//! Every SQL statement of Runnel, for SQLite and PostgreSQL.
