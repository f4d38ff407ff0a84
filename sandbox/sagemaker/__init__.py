"""AWS as far as Milepost reads it: moto's server, a third party's work, with what it lacks of SageMaker in front.

What is in front answers as botocore's own model of the service says, and refuses to answer otherwise.
"""
