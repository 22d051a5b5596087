-- A journal of schema 3 whose memory is of version 3 and has every word of it. Never changed: a newer
-- memory has a file of its own.
CREATE TABLE schema_versions (
    version    INTEGER PRIMARY KEY,
    since      TEXT NOT NULL,
    clusterd   TEXT NOT NULL
);
CREATE TABLE entries (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         TEXT NOT NULL,     -- UTC, 2026-11-03T14:05:09.123Z
    at_ms      INTEGER NOT NULL,  -- the same, milliseconds since 1970
    cluster    TEXT NOT NULL,
    kind       TEXT NOT NULL,
    subject    TEXT NOT NULL,     -- node or package, or empty
    text       TEXT NOT NULL,     -- one line for people
    body       TEXT NOT NULL,     -- JSON
    expires    INTEGER NOT NULL   -- 1: pruned by age and number; 0: kept
);
CREATE INDEX entries_by_cluster ON entries (cluster, id);
CREATE INDEX entries_that_expire ON entries (cluster, id) WHERE expires = 1;
CREATE TABLE state (
    cluster    TEXT PRIMARY KEY,
    at         TEXT NOT NULL,
    at_ms      INTEGER NOT NULL,
    body       TEXT NOT NULL      -- JSON
);
CREATE VIEW events_readable AS
    SELECT strftime('%Y-%m-%d %H:%M:%S', at_ms / 1000, 'unixepoch', 'localtime') AS local_time,
           cluster, kind, subject, text, id
    FROM entries ORDER BY id;
CREATE VIEW roles_latest AS
    SELECT cluster, subject, text, at, id
    FROM entries WHERE id IN
        (SELECT max(id) FROM entries WHERE kind = 'role' GROUP BY cluster, subject)
    ORDER BY cluster, subject;
CREATE VIEW intents_and_results AS
    SELECT at, cluster, kind, subject, text, body, id
    FROM entries WHERE kind IN ('intent', 'result') ORDER BY id;
CREATE VIEW alarms_readable AS
    SELECT at, cluster, subject, text, id
    FROM entries WHERE kind = 'alarm' ORDER BY id;
CREATE INDEX entries_that_stay ON entries (cluster, kind, id) WHERE expires = 0;
CREATE VIEW words_readable AS
    SELECT at, cluster, subject, text, id
    FROM entries WHERE kind = 'word' AND expires = 0 ORDER BY id;
CREATE VIEW intents_open AS
    SELECT at, cluster, subject, text, id
    FROM entries AS intent WHERE kind = 'intent' AND expires = 0 AND NOT EXISTS
        (SELECT 1 FROM entries AS later
         WHERE later.cluster = intent.cluster AND later.kind IN ('intent', 'result')
           AND later.expires = 0 AND later.id > intent.id)
    ORDER BY id;
CREATE TABLE outbox (
    id         INTEGER PRIMARY KEY,
    at         TEXT NOT NULL,     -- UTC
    at_ms      INTEGER NOT NULL,
    route      TEXT NOT NULL,     -- as clusterd.yaml names it
    subject    TEXT NOT NULL,     -- one line for people
    body       TEXT NOT NULL      -- JSON
);
INSERT INTO schema_versions VALUES (3, '2026-11-22T10:00:00.000Z', '0.1.0');
INSERT INTO schema_versions VALUES (2, '2026-11-22T06:00:00.000Z', '0.1.0');
INSERT INTO schema_versions VALUES (1, '2026-11-20T09:00:00.000Z', '0.1.0');
INSERT INTO state (cluster, at, at_ms, body) VALUES
    ('pki-ca', '2026-11-21T02:13:09.100Z', 1795227189100,
     '{"version":3,"packages":[{"package":"ca","primary":"ca2","had":"ca1","confirmed":true,"heir":"ca1","hold":"nobody can be stopped","switches":[1795227189],"restarts":[1795227190],"held":{"who":"alice","reason":"audit","since":1795227191,"fence":true,"state":"away"},"drill":{"node":"ca1","at":1795227192,"good":true,"text":"all went well"}}],"nodes":[{"node":"ca1","host_id":"80b1c2d3","break_worked":true,"guard_read":true,"guard_last":{"at":1795227193,"by":"a fence"},"siege":true,"failures":[1795227194],"panicked":true,"unfenced_failure":true,"maintenance":{"who":"bob","reason":"new disks","began":1795227195,"until":1795234395,"lasts":7200},"out_of_service":{"who":"carol","reason":"new mainboard","began":1795227196,"until":1795313596,"lasts":86400,"over":true}}],"maintenance":{"who":"dave","reason":"new switch","began":1795227197,"until":1795230797,"lasts":3600},"well":{"who":"erin","reason":"it is well","began":1795227198,"until":1795228998,"lasts":1800,"causes":["logs"]}}');
PRAGMA application_id = 0x636c7364;
PRAGMA user_version = 3;
