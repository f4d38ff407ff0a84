"""Working stand-ins of the remote systems, used by `milepost demo` and by the tests. Nothing else imports this package."""
