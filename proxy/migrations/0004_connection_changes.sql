-- What was changed of connections, numbered in the order of commits: whoever holds some of them in memory learns by one
-- question which are old. The number that he knows stands in it as long as nothing after it was removed.
CREATE TABLE connection_changes (
    number BIGINT NOT NULL PRIMARY KEY,
    -- None: of all connections.
    connection_id TEXT
);
INSERT INTO connection_changes (number, connection_id) VALUES (0, NULL);
INSERT INTO counters (name, value) VALUES ('connection_change', 0);
