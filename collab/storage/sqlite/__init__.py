"""Everything that is particular to SQLite, and nothing else knows of.

``connection``  one connection: how it is set up, and the thread that it lives on
``engines``     SQLAlchemy's engines with such connections
``database``    how transactions are run
``runs``        how what plugins want of their own tables is run; ``lent`` does it on the thread
                of a connection, and ``authority`` says what their migrations may change
``database_file``  whether the open files are still the database, and whole
``neighbours``  who else has the database open, and when that is dangerous
``sentences``   what SQLite's errors mean to an operator
"""

from collab.storage.sqlite.database import SqliteDatabase
from collab.storage.sqlite.engines import migration_engine, reading_engine

__all__ = ["SqliteDatabase", "migration_engine", "reading_engine"]
