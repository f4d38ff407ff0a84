"""What people do on GitHub by other ways than this API: worlds and tests call these."""
