"""psycopg, SQLAlchemy and asyncpg: see ../README.md."""

import asyncio
import sys

import asyncpg
import psycopg
import sqlalchemy

QUERY = "select case when pg_is_in_recovery() then 'standby' else 'primary' end"
TRIES = 4


class Psycopg:
    """A connection, and another one where it is broken."""

    def __init__(self, uri):
        self.uri = uri
        self.connection = None

    def kept(self):
        if self.connection is None or self.connection.closed:
            self.connection = psycopg.connect(self.uri, autocommit=True)
        return self.connection.execute(QUERY).fetchone()[0]

    def fresh(self):
        with psycopg.connect(self.uri, autocommit=True) as connection:
            return connection.execute(QUERY).fetchone()[0]


class SqlAlchemy:
    """An engine with its pool, by the URI itself."""

    def __init__(self, uri):
        self.uri = uri
        self.engine = None

    def make(self):
        return sqlalchemy.create_engine(self.uri)

    def kept(self):
        self.engine = self.engine or self.make()
        return self.ask(self.engine)

    def fresh(self):
        engine = self.make()
        try:
            return self.ask(engine)
        finally:
            engine.dispose()

    @staticmethod
    def ask(engine):
        with engine.connect() as connection:
            return connection.execute(sqlalchemy.text(QUERY)).scalar()


class SqlAlchemyCreator(SqlAlchemy):
    """The same, but psycopg reads the URI."""

    def make(self):
        return sqlalchemy.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(self.uri))


class Asyncpg:
    """A pool."""

    def __init__(self, uri):
        self.uri = uri
        self.pool = None

    async def kept(self):
        if self.pool is None:
            self.pool = await asyncpg.create_pool(self.uri, min_size=1, max_size=2)
        return await self.pool.fetchval(QUERY)

    async def fresh(self):
        connection = await asyncpg.connect(self.uri)
        try:
            return await connection.fetchval(QUERY)
        finally:
            await connection.close()


CLIENTS = {
    "psycopg": Psycopg,
    "SQLAlchemy": SqlAlchemy,
    "SQLAlchemy, creator": SqlAlchemyCreator,
    "asyncpg": Asyncpg,
}


async def answer(ask):
    """What answers; a pool may have broken connections to get rid of first."""
    said = "error"
    for _ in range(TRIES):
        try:
            found = ask()
            return await found if asyncio.iscoroutine(found) else found
        except Exception as error:  # whatever a driver says is the answer
            said = f"{type(error).__name__}: {error}".replace("\n", " ").replace("\t", " ")
    return said


async def main():
    uris = {}
    clients = {}
    for line in iter(sys.stdin.readline, ""):
        line = line.rstrip("\n")
        if line:
            name, uri = line.split("\t")
            uris[name] = uri
            continue
        for client, make in CLIENTS.items():
            for name, uri in uris.items():
                one = clients.setdefault((client, name), make(uri))
                print(client, name, await answer(one.kept), await answer(one.fresh), sep="\t")
        print(flush=True)


asyncio.run(main())
