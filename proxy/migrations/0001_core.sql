-- The store, on SQLite and on PostgreSQL alike: TEXT and BIGINT are what both have. Times are milliseconds since the
-- epoch by the database's clock, flags are 0 and 1, JSON and sealed secrets are text.

CREATE TABLE data_keys (
    id TEXT NOT NULL PRIMARY KEY,
    -- The key that wraps this one.
    wrapped_by TEXT NOT NULL,
    wrapped TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE customers (
    id TEXT NOT NULL PRIMARY KEY,
    metadata TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE connector_configs (
    id TEXT NOT NULL PRIMARY KEY,
    connector_name TEXT NOT NULL,
    display_name TEXT,
    disabled BIGINT NOT NULL DEFAULT 0,
    -- What is no secret of `config`, as JSON.
    config TEXT,
    -- What is one, sealed.
    secrets TEXT,
    data_key TEXT REFERENCES data_keys (id),
    default_pipe_out TEXT,
    default_pipe_in TEXT,
    env_name TEXT,
    metadata TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE connections (
    id TEXT NOT NULL PRIMARY KEY,
    connector_config_id TEXT NOT NULL REFERENCES connector_configs (id),
    connector_name TEXT NOT NULL,
    customer_id TEXT,
    integration_id TEXT,
    display_name TEXT,
    disabled BIGINT NOT NULL DEFAULT 0,
    -- What is no secret of `settings`, as JSON.
    settings TEXT,
    metadata TEXT,
    status TEXT,
    status_message TEXT,
    -- Tokens and other secret settings, sealed as one JSON object.
    credentials TEXT,
    -- Counts the credentials: a refresh replaces those that it began with, and no newer ones.
    credentials_version BIGINT NOT NULL DEFAULT 0,
    data_key TEXT REFERENCES data_keys (id),
    -- Changes with every change of the row, so that others know that what they hold is old.
    version BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX connections_by_customer ON connections (customer_id);
CREATE INDEX connections_by_config ON connections (connector_config_id);

CREATE TABLE pipelines (
    id TEXT NOT NULL PRIMARY KEY,
    source_id TEXT NOT NULL REFERENCES connections (id),
    destination_id TEXT NOT NULL REFERENCES connections (id),
    streams TEXT,
    -- Seconds between two syncs that start by themselves; none where none do.
    sync_interval_seconds BIGINT,
    disabled BIGINT NOT NULL DEFAULT 0,
    metadata TEXT,
    -- What is known of the streams: cursors and counts, as JSON.
    source_state TEXT,
    destination_state TEXT,
    -- The sync that runs or the last one, as JSON.
    progress TEXT,
    -- A sync that was asked for and has not ended, as JSON.
    sync_request TEXT,
    last_sync_started_at BIGINT,
    last_sync_completed_at BIGINT,
    -- When the scheduler starts it next; none where it does not.
    next_sync_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX pipelines_by_source ON pipelines (source_id);
CREATE INDEX pipelines_by_destination ON pipelines (destination_id);
CREATE INDEX pipelines_by_next_sync ON pipelines (next_sync_at);

-- Who does something that only one may do. `fence` grows with every new holder.
CREATE TABLE leases (
    name TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    fence BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- One row for each counter; updating it makes those who count wait for one another, so that numbers commit in order.
CREATE TABLE counters (
    name TEXT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO counters (name, value) VALUES ('event', 0);

CREATE TABLE events (
    id TEXT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    data TEXT,
    customer_id TEXT,
    created_at BIGINT NOT NULL
);
CREATE INDEX events_by_time ON events (created_at);

-- Where events are sent to.
CREATE TABLE webhooks (
    id TEXT NOT NULL PRIMARY KEY,
    url TEXT NOT NULL,
    -- Names of events as a JSON array; none: all.
    events TEXT,
    -- The signing secret, sealed.
    secret TEXT NOT NULL,
    data_key TEXT NOT NULL REFERENCES data_keys (id),
    disabled BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- One event on its way to one webhook; it is removed with its event.
CREATE TABLE deliveries (
    id TEXT NOT NULL PRIMARY KEY,
    webhook_id TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event_id TEXT NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    -- pending, delivered, dead
    status TEXT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    -- While an attempt is under way: when it is made again if nothing is heard of it.
    next_attempt_at BIGINT NOT NULL,
    last_attempt_at BIGINT,
    last_status BIGINT,
    last_error TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (webhook_id, event_id)
);
CREATE INDEX deliveries_due ON deliveries (status, next_attempt_at);
CREATE INDEX deliveries_by_event ON deliveries (event_id);

-- Secrets that were given out: API keys, connect tokens, magic links. Only their SHA-256 is kept.
CREATE TABLE grants (
    id TEXT NOT NULL PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    -- api_key, connect_token, magic_link, connect_visit, oauth_state
    kind TEXT NOT NULL,
    -- Of an API key: admin, unified, read.
    scope TEXT,
    customer_id TEXT,
    name TEXT,
    -- What belongs to the grant beside, as JSON.
    data TEXT,
    -- What of it is secret, sealed.
    secrets TEXT,
    data_key TEXT REFERENCES data_keys (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    used_at BIGINT
);
CREATE INDEX grants_by_expiry ON grants (expires_at);

-- What the installation itself signs with, sealed; made once, shared by all who share the store.
CREATE TABLE installation_secrets (
    name TEXT NOT NULL PRIMARY KEY,
    sealed TEXT NOT NULL,
    data_key TEXT NOT NULL REFERENCES data_keys (id)
);
