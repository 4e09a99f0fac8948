-- Schema 2: principals that the network names, tokens bound to a place.

-- control and user_id bind a person to their login: the control server of the tailnet and the id
-- that it has for them. link: the principal that this one acts as.
ALTER TABLE principal ADD COLUMN control TEXT;
ALTER TABLE principal ADD COLUMN user_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE principal ADD COLUMN link INTEGER REFERENCES principal (id);
ALTER TABLE principal ADD COLUMN last_seen INTEGER NOT NULL DEFAULT 0;
ALTER TABLE principal ADD COLUMN removed INTEGER NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX principal_person ON principal (control, user_id) WHERE user_id <> 0;

-- A login may change while the person stays: `superguppy principal rebind`.
DROP TRIGGER principal_fixed;
CREATE TRIGGER principal_fixed BEFORE UPDATE OF id, created ON principal BEGIN
    SELECT RAISE(ABORT, 'a principal is never made anew');
END;

-- place: "own", "any" or a tag: where the token works. capability: what the tailnet's policy gave
-- its person when it was made, JSON.
ALTER TABLE token ADD COLUMN place TEXT NOT NULL DEFAULT 'any';
ALTER TABLE token ADD COLUMN capability TEXT;
ALTER TABLE token ADD COLUMN name TEXT NOT NULL DEFAULT '';

PRAGMA user_version = 2;
