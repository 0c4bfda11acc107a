-- Limits of providers' accounts, where several sidecars share them: on PostgreSQL alone, since a store that is a file
-- has one process. Times are milliseconds since the epoch, by the database's clock.

-- One row for each limit of an account. Whoever takes calls of it locks it.
CREATE TABLE budgets (
    account TEXT NOT NULL,
    limit_name TEXT NOT NULL,
    -- The provider has refused calls for this limit until then.
    spent_until BIGINT NOT NULL,
    used_at BIGINT NOT NULL,
    PRIMARY KEY (account, limit_name)
);

-- Calls that a sidecar was given, and until when they count.
CREATE TABLE budget_chunks (
    id TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    limit_name TEXT NOT NULL,
    holder TEXT NOT NULL,
    calls BIGINT NOT NULL,
    counts_until BIGINT NOT NULL
);

CREATE INDEX budget_chunks_by_limit ON budget_chunks (account, limit_name, counts_until);
