"""The demo's world: five fictional projects whose people, code, models, endpoints and data have got into every state that Milepost
tells of, each project in a module of its own.

Their modules import pandas and scikit-learn: some seconds.
"""
