-- Times are milliseconds since 1970. Texts are compared as they are, not as a language would.
-- One statement that can be repeated: MySQL cannot undo half of a migration that was cut off.
CREATE TABLE IF NOT EXISTS api_keys (
    id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    name VARCHAR(256) NOT NULL,
    key_hash CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    key_prefix VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    tenant_id VARCHAR(128) NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    last_used_at BIGINT NULL,
    revoked BOOLEAN NOT NULL DEFAULT FALSE,
    UNIQUE KEY api_keys_by_hash (key_hash),
    KEY api_keys_by_tenant (tenant_id, created_at)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
