//! What is asked of a database, in its own words.

/// One kind of database. Rows have the columns in the order of [`super::Row`].
pub(super) struct Statements {
    /// Takes id, name, hash, prefix, tenant, creation and expiry.
    pub(super) insert: &'static str,
    /// Takes a hash.
    pub(super) find: &'static str,
    /// Newest first.
    pub(super) list: &'static str,
    /// Newest first; takes a tenant.
    pub(super) list_of_tenant: &'static str,
    /// Takes a time and an id. Does nothing if the key was used later than that.
    pub(super) used: &'static str,
    /// Takes an id. Counts a key that was revoked before.
    pub(super) revoke: &'static str,
    /// Takes a time.
    pub(super) sweep: &'static str,
}

pub(super) const SQLITE: Statements = Statements {
    insert: "INSERT INTO api_keys (id, name, keyHash, keyPrefix, tenantId, createdAt, expiresAt) \
             VALUES (?, ?, ?, ?, ?, ?, ?)",
    find: "SELECT id, name, keyPrefix, tenantId, createdAt, expiresAt, lastUsedAt, revoked \
           FROM api_keys WHERE keyHash = ?",
    list: "SELECT id, name, keyPrefix, tenantId, createdAt, expiresAt, lastUsedAt, revoked \
           FROM api_keys ORDER BY createdAt DESC, id",
    list_of_tenant: "SELECT id, name, keyPrefix, tenantId, createdAt, expiresAt, lastUsedAt, revoked \
                     FROM api_keys WHERE tenantId = ? ORDER BY createdAt DESC, id",
    used: "UPDATE api_keys SET lastUsedAt = max(coalesce(lastUsedAt, 0), ?) WHERE id = ?",
    revoke: "UPDATE api_keys SET revoked = 1 WHERE id = ?",
    sweep: "DELETE FROM api_keys WHERE revoked = 1 OR expiresAt <= ?",
};

pub(super) const POSTGRES: Statements = Statements {
    insert: "INSERT INTO api_keys (id, name, key_hash, key_prefix, tenant_id, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
    find: "SELECT id, name, key_prefix, tenant_id, created_at, expires_at, last_used_at, revoked \
           FROM api_keys WHERE key_hash = $1",
    list: "SELECT id, name, key_prefix, tenant_id, created_at, expires_at, last_used_at, revoked \
           FROM api_keys ORDER BY created_at DESC, id",
    list_of_tenant: "SELECT id, name, key_prefix, tenant_id, created_at, expires_at, last_used_at, revoked \
                     FROM api_keys WHERE tenant_id = $1 ORDER BY created_at DESC, id",
    used: "UPDATE api_keys SET last_used_at = greatest(coalesce(last_used_at, 0), $1) WHERE id = $2",
    revoke: "UPDATE api_keys SET revoked = TRUE WHERE id = $1",
    sweep: "DELETE FROM api_keys WHERE revoked OR expires_at <= $1",
};

pub(super) const MYSQL: Statements = Statements {
    insert: "INSERT INTO api_keys (id, name, key_hash, key_prefix, tenant_id, created_at, expires_at) \
             VALUES (?, ?, ?, ?, ?, ?, ?)",
    find: "SELECT id, name, key_prefix, tenant_id, created_at, expires_at, last_used_at, revoked \
           FROM api_keys WHERE key_hash = ?",
    list: "SELECT id, name, key_prefix, tenant_id, created_at, expires_at, last_used_at, revoked \
           FROM api_keys ORDER BY created_at DESC, id",
    list_of_tenant: "SELECT id, name, key_prefix, tenant_id, created_at, expires_at, last_used_at, revoked \
                     FROM api_keys WHERE tenant_id = ? ORDER BY created_at DESC, id",
    used: "UPDATE api_keys SET last_used_at = greatest(coalesce(last_used_at, 0), ?) WHERE id = ?",
    revoke: "UPDATE api_keys SET revoked = TRUE WHERE id = ?",
    sweep: "DELETE FROM api_keys WHERE revoked OR expires_at <= ?",
};
