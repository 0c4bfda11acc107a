-- Writes that were asked for with an `Idempotency-Key`: who carries each out, and what was answered.

CREATE TABLE idempotency_keys (
    -- SHA-256 over the connection and the key: a key may have a customer's data in it.
    id TEXT NOT NULL PRIMARY KEY,
    connection_id TEXT NOT NULL,
    -- SHA-256 over the request, so that another one with the same key is told from it.
    fingerprint TEXT NOT NULL,
    -- begun: nothing was written yet; writing: the provider may have written; done: the answer is known.
    phase TEXT NOT NULL,
    -- Each attempt has its own, so that one that was given up for dead cannot go on.
    holder TEXT NOT NULL,
    -- Until when the holder is taken to be alive.
    held_until BIGINT NOT NULL,
    -- What was answered, sealed: it is a customer's data.
    answer TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at);
CREATE INDEX idempotency_keys_by_connection ON idempotency_keys (connection_id);
