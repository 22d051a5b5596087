-- A journal of schema 3: the schema word for word, and the rows of v1.sql. Never changed: tests
-- migrate it.
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
INSERT INTO entries (at, at_ms, cluster, kind, subject, text, body, expires) VALUES
    ('2026-11-20T09:00:01.000Z', 1795165201000, 'pki-ca', 'event',  '',    'ca1: console connected', '{"event":"link_up","node":"ca1"}', 1),
    ('2026-11-20T09:00:09.000Z', 1795165209000, 'pki-ca', 'role',   'ca1', 'primary is ca1, secondary is ca2 (adopted)', 'null', 0),
    ('2026-11-20T09:00:09.500Z', 1795165209500, 'pki-ca', 'host_id','ca2', '80b1c2d4', 'null', 0),
    ('2026-11-21T02:13:00.000Z', 1795227180000, 'pki-ca', 'evidence','ca1','a panic was printed', 'null', 1),
    ('2026-11-21T02:13:05.000Z', 1795227185000, 'pki-ca', 'intent', 'ca1', 'stop ca1 for good (evidence: a panic, and RETURN is not answered)', 'null', 0),
    ('2026-11-21T02:13:09.000Z', 1795227189000, 'pki-ca', 'result', 'ca1', 'ca1 is proved stopped (firmware reset)', 'null', 0),
    ('2026-11-21T02:13:09.100Z', 1795227189100, 'pki-ca', 'intent', 'ca2', 'ca belongs to ca2, unconfirmed; boot it', 'null', 0),
    ('2026-11-21T02:14:00.000Z', 1795227240000, 'pki-ca', 'word',   'ca1', 'alice says that it is stopped', 'null', 0),
    ('2026-11-21T02:14:00.000Z', 1795227240000, '',       'alarm',  '',    'host: logs cannot be written', '{"code":"logs","open":true}', 1);
INSERT INTO state (cluster, at, at_ms, body) VALUES
    -- Before panics were remembered.
    ('old', '2026-11-20T08:00:00.000Z', 1795161600000,
     '{"nodes":[{"break_worked":true,"failures":[],"guard_read":true,"host_id":"80b1c2d3","node":"o1","siege":false,"unfenced_failure":false}],"packages":[{"confirmed":true,"heir":null,"hold":null,"package":"o","primary":"o1","switches":[]}]}'),
    ('pki-ca', '2026-11-21T02:13:09.100Z', 1795227189100,
     '{"nodes":[{"break_worked":true,"failures":[1795227189],"guard_read":true,"host_id":"80b1c2d3","node":"ca1","panicked":true,"siege":false,"unfenced_failure":false},{"break_worked":false,"failures":[],"guard_read":false,"host_id":"80b1c2d4","node":"ca2","panicked":false,"siege":true,"unfenced_failure":false}],"packages":[{"confirmed":false,"heir":"ca2","hold":null,"package":"ca","primary":"ca2","switches":[1795227189]}]}');
PRAGMA application_id = 0x636c7364;
PRAGMA user_version = 3;
