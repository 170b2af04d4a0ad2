-- Times are milliseconds since 1970. STRICT keeps them numbers, so that no comparison is one of texts.
CREATE TABLE api_keys (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    keyHash TEXT NOT NULL UNIQUE,
    keyPrefix TEXT NOT NULL,
    tenantId TEXT NOT NULL,
    createdAt INTEGER NOT NULL,
    expiresAt INTEGER NOT NULL,
    lastUsedAt INTEGER,
    revoked INTEGER NOT NULL DEFAULT 0 CHECK (revoked IN (0, 1))
) STRICT;

CREATE INDEX api_keys_by_tenant ON api_keys (tenantId, createdAt);
