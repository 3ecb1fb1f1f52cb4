"""Changes of the tables, one after the other; Alembic applies what a database lacks."""
