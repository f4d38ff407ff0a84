"""The scale-out engine: workers that find what is due in the store, and jobs that do it."""
