"""Database migrations: alembic revisions that run the SQL files beside them."""
