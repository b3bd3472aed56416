"""Fills a library of a bench: seed.py DATABASE ROWS, where DATABASE is a file of
SQLite, or a URL of PostgreSQL for its `psql`. The organization and its key are
there already; a tenth lies in no folder. Prints the id of a folder with a tenth of
the rows and of one with sixty, and a time in the middle and near the end.

Rows are written in bulk: a library that was uploaded row by row looks the same,
and a million of them are there in a minute."""

import hashlib
import random
import sqlite3
import subprocess
import sys

COLUMNS = (
    "id org_id folder_id name storage_key thumbnail_key mime_type size_bytes asset_type source_type "
    "created_at updated_at width height sha256 blurhash"
).split()
TYPES = {"image": ("image/jpeg", 80), "video": ("video/mp4", 12), "audio": ("audio/mpeg", 7), "other": ("application/zip", 1)}
BEGIN = 1_770_000_000_000_000
STEP = 13_000_000  # between two uploads, in microseconds


def uuid(at, number):
    """A UUIDv7 of an instant."""
    tail = hashlib.sha256(str(number).encode()).hexdigest()
    text = f"{at // 1000:012x}7{tail[:3]}a{tail[3:18]}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def assets(org, folders, rows):
    chance = random.Random(7)
    kinds = chance.choices(list(TYPES), [share for _, share in TYPES.values()], k=rows)
    small = set(chance.sample(range(rows), 60))
    for number, kind in enumerate(kinds):
        at = BEGIN + number * STEP
        key = uuid(at, number)
        digest = hashlib.sha256(key.encode()).hexdigest()
        if number in small:
            folder = folders[1]
        else:
            share = chance.random()
            folder = folders[0] if share < 0.1 else None if share < 0.2 else chance.choice(folders[2:])
        path = f"{org}/assets/{key}/{key}/photo.jpeg"
        yield (
            key, org, folder, f"{digest[:12]}.jpeg", path, path + ".thumbnail", TYPES[kind][0], chance.randrange(1, 50_000_000),
            kind, "upload", at, at, 1600, 1067, digest, "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
        )  # fmt: skip


class Sqlite:
    def __init__(self, path):
        self.base = sqlite3.connect(path, isolation_level=None)

    def one(self, sql):
        return self.base.execute(sql).fetchone()[0]

    def fill(self, table, columns, rows):
        marks = ", ".join("?" * len(columns))
        for pragma in ("synchronous = OFF", "cache_size = -400000", "temp_store = MEMORY"):
            self.base.execute(f"PRAGMA {pragma}")
        # An index that is made at the end is sorted once, instead of being
        # written to in a million places.
        found = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = ?"
        indexes = self.base.execute(found, (table,)).fetchall()
        self.base.execute("BEGIN")
        for name, _ in indexes:
            self.base.execute(f"DROP INDEX {name}")
        self.base.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)
        for _, sql in indexes:
            self.base.execute(sql)
        self.base.execute("COMMIT")

    def end(self):
        self.base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.base.close()


class Postgres:
    def __init__(self, url):
        self.command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", url]

    def one(self, sql):
        return subprocess.run([*self.command, "-At", "-c", sql], check=True, text=True, stdout=subprocess.PIPE).stdout.strip()

    def fill(self, table, columns, rows):
        copy = subprocess.Popen([*self.command, "-c", f"COPY {table} ({', '.join(columns)}) FROM STDIN"], stdin=subprocess.PIPE, text=True)
        for row in rows:
            copy.stdin.write("\t".join("\\N" if value is None else str(value) for value in row) + "\n")
        copy.stdin.close()
        if copy.wait():
            sys.exit("seed: psql failed")

    def end(self):
        # What autovacuum does by itself a minute after so many rows.
        self.one("VACUUM ANALYZE assets")
        # What the server would otherwise write while it is measured.
        self.one("CHECKPOINT")


def main(target, rows):
    base = Postgres(target) if "://" in target else Sqlite(target)
    org = base.one("SELECT id FROM orgs LIMIT 1")
    folders = [uuid(BEGIN, -number) for number in range(1, 1003)]
    columns = ("id", "org_id", "parent_id", "name", "created_at", "updated_at")
    base.fill("folders", columns, ((key, org, None, key, BEGIN, BEGIN) for key in folders))
    base.fill("assets", COLUMNS, assets(org, folders, rows))
    base.end()
    print(folders[0], folders[1], BEGIN + rows // 2 * STEP, BEGIN + 60 * STEP)


main(sys.argv[1], int(sys.argv[2]))
