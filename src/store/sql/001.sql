-- Schema 1. What was published never changes: triggers refuse it, whoever asks.

CREATE TABLE principal (
    id      INTEGER PRIMARY KEY,
    key     TEXT NOT NULL UNIQUE,
    blocked INTEGER NOT NULL DEFAULT 0 CHECK (blocked IN (0, 1)),
    created INTEGER NOT NULL
) STRICT;

CREATE TABLE token (
    id        INTEGER PRIMARY KEY,
    principal INTEGER NOT NULL REFERENCES principal (id),
    hash      BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    scopes    INTEGER NOT NULL,
    patterns  TEXT NOT NULL,
    created   INTEGER NOT NULL,
    expires   INTEGER NOT NULL,
    last_used INTEGER NOT NULL DEFAULT 0,
    revoked   INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE crate (
    id          INTEGER PRIMARY KEY,
    name        TEXT NOT NULL,
    canonical   TEXT NOT NULL UNIQUE,
    created     INTEGER NOT NULL,
    updated     INTEGER NOT NULL,
    downloads   INTEGER NOT NULL DEFAULT 0,
    max_version TEXT NOT NULL,
    description TEXT
) STRICT;
-- A search walks this index alone, in the order in which it answers.
CREATE INDEX crate_search ON crate (canonical, description);

-- Small columns first: a look-up does not read the pages that a long row spills into.
CREATE TABLE version (
    id            INTEGER PRIMARY KEY,
    crate         INTEGER NOT NULL REFERENCES crate (id),
    num           TEXT NOT NULL,
    num_key       TEXT NOT NULL,
    cksum         BLOB NOT NULL CHECK (length(cksum) = 32),
    size          INTEGER NOT NULL,
    pubtime       INTEGER NOT NULL,
    published_by  INTEGER REFERENCES principal (id),
    yanked        INTEGER NOT NULL CHECK (yanked IN (0, 1)),
    has_lib       INTEGER NOT NULL CHECK (has_lib IN (0, 1)),
    links         TEXT,
    rust_version  TEXT,
    edition       TEXT,
    license       TEXT,
    license_file  TEXT,
    readme_file   TEXT,
    homepage      TEXT,
    documentation TEXT,
    repository    TEXT,
    authors       TEXT,
    keywords      TEXT,
    categories    TEXT,
    bin_names     TEXT,
    description   TEXT,
    features      TEXT NOT NULL,
    deps          TEXT NOT NULL,
    UNIQUE (crate, num_key)
) STRICT;
CREATE INDEX version_by_crate ON version (crate);

-- The index line; a yank writes it anew.
CREATE TABLE version_line (
    version INTEGER PRIMARY KEY REFERENCES version (id),
    line    TEXT NOT NULL
) STRICT;

CREATE TABLE version_readme (
    version INTEGER PRIMARY KEY REFERENCES version (id),
    readme  TEXT NOT NULL
) STRICT;

-- Counters stand apart, so that counting does not write long rows.
CREATE TABLE version_count (
    version   INTEGER PRIMARY KEY REFERENCES version (id),
    downloads INTEGER NOT NULL
) STRICT;
CREATE TABLE version_download (
    version INTEGER NOT NULL REFERENCES version (id),
    day     INTEGER NOT NULL,
    n       INTEGER NOT NULL,
    PRIMARY KEY (version, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE owner (
    id        INTEGER PRIMARY KEY,
    crate     INTEGER NOT NULL REFERENCES crate (id),
    principal INTEGER NOT NULL REFERENCES principal (id),
    created   INTEGER NOT NULL,
    UNIQUE (crate, principal)
) STRICT;

-- The sparse index as it is sent, one row a crate: all that a start reads of it.
CREATE TABLE index_file (
    crate      INTEGER PRIMARY KEY REFERENCES crate (id),
    name       TEXT NOT NULL UNIQUE,
    sum        TEXT NOT NULL,
    plain_size INTEGER NOT NULL,
    packed     BLOB,
    plain      BLOB,
    CHECK ((packed IS NULL) <> (plain IS NULL))
) STRICT;

-- hash = SHA-256(hash of the row before, 32 zero bytes for the first || body). body is JSON and the
-- only place where time, principal, crate and the rest stand: no other column could disagree.
CREATE TABLE event (
    number INTEGER PRIMARY KEY,
    body   TEXT NOT NULL,
    hash   BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TRIGGER principal_stays BEFORE DELETE ON principal BEGIN
    SELECT RAISE(ABORT, 'a principal is never deleted');
END;
CREATE TRIGGER principal_fixed BEFORE UPDATE OF id, key, created ON principal BEGIN
    SELECT RAISE(ABORT, 'the key of a principal never changes');
END;

CREATE TRIGGER crate_stays BEFORE DELETE ON crate BEGIN
    SELECT RAISE(ABORT, 'a crate name is never given out again');
END;
CREATE TRIGGER crate_fixed BEFORE UPDATE OF id, name, canonical, created ON crate BEGIN
    SELECT RAISE(ABORT, 'the name of a crate never changes');
END;

CREATE TRIGGER version_stays BEFORE DELETE ON version BEGIN
    SELECT RAISE(ABORT, 'a published version is never deleted');
END;
-- All columns but yanked.
CREATE TRIGGER version_fixed BEFORE UPDATE OF id, crate, num, num_key, cksum, size, pubtime,
    published_by, has_lib, links, rust_version, edition, license, license_file, readme_file, homepage,
    documentation, repository, authors, keywords, categories, bin_names, description, features, deps
    ON version BEGIN
    SELECT RAISE(ABORT, 'a published version never changes');
END;

CREATE TRIGGER version_line_stays BEFORE DELETE ON version_line BEGIN
    SELECT RAISE(ABORT, 'a published version is never deleted');
END;
CREATE TRIGGER version_line_fixed BEFORE UPDATE OF version ON version_line BEGIN
    SELECT RAISE(ABORT, 'a published version never changes');
END;
CREATE TRIGGER version_readme_stays BEFORE DELETE ON version_readme BEGIN
    SELECT RAISE(ABORT, 'a published version is never deleted');
END;
CREATE TRIGGER version_readme_fixed BEFORE UPDATE ON version_readme BEGIN
    SELECT RAISE(ABORT, 'a published version never changes');
END;

CREATE TRIGGER event_stays BEFORE DELETE ON event BEGIN
    SELECT RAISE(ABORT, 'an event is never deleted');
END;
CREATE TRIGGER event_fixed BEFORE UPDATE ON event BEGIN
    SELECT RAISE(ABORT, 'an event never changes');
END;

PRAGMA application_id = 1936158841;
PRAGMA user_version = 1;
