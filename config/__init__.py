"""What a user says to Milepost: the project file, its schema, and the environment. Nothing is read at import."""
