use std::fmt;

use rusqlite::{Connection, Row, params};
use sluice_ids::{TenantId, UnixMillis, UserId};

use crate::{
    Page, PageOf, Store, StoreError,
    page::{all, one, run},
    row::{self, words},
};

/// What a person may do in their tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UserRole {
    /// Sees cameras.
    Viewer,
    /// Sees cameras and works with walls and sessions.
    Operator,
    /// Changes everything of the tenant.
    Admin,
    /// Reads everything, the audit too; changes nothing.
    Auditor,
}

words!(UserRole: Viewer = "viewer", Operator = "operator", Admin = "admin", Auditor = "auditor");

/// A person who logs in.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// Their organisation.
    pub tenant: TenantId,
    /// Their login name, unique on this hub.
    pub name: String,
    /// argon2, PHC text.
    pub password_hash: String,
    /// What they may do.
    pub role: UserRole,
    /// Cannot log in, and their console sessions are not honoured.
    pub disabled: bool,
    /// When they were made.
    pub created_at: UnixMillis,
    /// When something about them changed.
    pub updated_at: UnixMillis,
}

/// A person to be made.
#[derive(Clone)]
pub struct NewUser {
    /// Login name, unique on this hub.
    pub name: String,
    /// argon2, PHC text.
    pub password_hash: String,
    /// What they may do.
    pub role: UserRole,
}

impl Store {
    /// Makes a user.
    pub async fn create_user(&self, tenant: TenantId, new: NewUser) -> Result<User, StoreError> {
        let user = self.new_user(tenant, new);
        self.write(move |connection| {
            insert(connection, &user)?;
            Ok(user)
        })
        .await
    }

    /// Who logs in with this name, whatever the tenant.
    pub async fn user_by_name(&self, name: String) -> Result<Option<User>, StoreError> {
        self.read(move |connection| one(connection, "SELECT * FROM users WHERE name = ?1", [name], read))
            .await
    }

    /// A user of the tenant.
    pub async fn user(&self, tenant: TenantId, id: UserId) -> Result<Option<User>, StoreError> {
        let query = "SELECT * FROM users WHERE tenant_id = ?1 AND user_id = ?2";
        self.read(move |connection| one(connection, query, params![tenant.to_string(), id.to_string()], read))
            .await
    }

    /// The tenant's users.
    pub async fn users(
        &self,
        tenant: TenantId,
        of: PageOf<UserId>,
    ) -> Result<Page<User, UserId>, StoreError> {
        let query = "SELECT * FROM users WHERE tenant_id = ?1 AND user_id > ?2 ORDER BY user_id LIMIT ?3";
        self.read(move |connection| {
            let params = params![tenant.to_string(), of.after_text(), of.fetch()];
            Ok(of.page(all(connection, query, params, read)?, |user| user.id))
        })
        .await
    }

    /// Sets a user's password and ends their console sessions. Whether the user exists.
    pub async fn set_password_hash(
        &self,
        tenant: TenantId,
        id: UserId,
        hash: String,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        self.write(move |connection| {
            let statement =
                "UPDATE users SET password_hash = ?3, updated_at = ?4 WHERE tenant_id = ?1 AND user_id = ?2";
            let params = params![tenant.to_string(), id.to_string(), hash, now.0];
            let changed = run(connection, statement, params)? == 1;
            end_console_sessions(connection, tenant, id)?;
            Ok(changed)
        })
        .await
    }

    /// Gives a user another role; it counts from their next request on. Whether the user exists.
    pub async fn set_user_role(
        &self,
        tenant: TenantId,
        id: UserId,
        role: UserRole,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        let statement = "UPDATE users SET role = ?3, updated_at = ?4 WHERE tenant_id = ?1 AND user_id = ?2";
        self.write(move |connection| {
            let params = params![tenant.to_string(), id.to_string(), role.as_str(), now.0];
            Ok(run(connection, statement, params)? == 1)
        })
        .await
    }

    /// Locks a user out, ending their console sessions, or lets them in again. Whether the user exists.
    pub async fn set_user_disabled(
        &self,
        tenant: TenantId,
        id: UserId,
        disabled: bool,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        self.write(move |connection| {
            let statement =
                "UPDATE users SET disabled = ?3, updated_at = ?4 WHERE tenant_id = ?1 AND user_id = ?2";
            let params = params![tenant.to_string(), id.to_string(), disabled, now.0];
            let changed = run(connection, statement, params)? == 1;
            end_console_sessions(connection, tenant, id)?;
            Ok(changed)
        })
        .await
    }

    /// Deletes a user and their console sessions. Whether they existed.
    pub async fn delete_user(&self, tenant: TenantId, id: UserId) -> Result<bool, StoreError> {
        let statement = "DELETE FROM users WHERE tenant_id = ?1 AND user_id = ?2";
        self.write(move |connection| {
            Ok(run(connection, statement, params![tenant.to_string(), id.to_string()])? == 1)
        })
        .await
    }

    pub(crate) fn new_user(&self, tenant: TenantId, new: NewUser) -> User {
        let now = self.now();
        User {
            id: self.fresh(UserId::from_uuid),
            tenant,
            name: new.name,
            password_hash: new.password_hash,
            role: new.role,
            disabled: false,
            created_at: now,
            updated_at: now,
        }
    }
}

pub(crate) fn insert(connection: &Connection, user: &User) -> Result<(), StoreError> {
    let statement =
        "INSERT INTO users (user_id, tenant_id, name, password_hash, role, disabled, created_at, updated_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let params = params![
        user.id.to_string(),
        user.tenant.to_string(),
        user.name,
        user.password_hash,
        user.role.as_str(),
        user.disabled,
        user.created_at.0,
        user.updated_at.0
    ];
    run(connection, statement, params)?;
    Ok(())
}

fn end_console_sessions(connection: &Connection, tenant: TenantId, id: UserId) -> Result<(), StoreError> {
    let statement = "DELETE FROM console_sessions WHERE tenant_id = ?1 AND user_id = ?2";
    run(connection, statement, params![tenant.to_string(), id.to_string()])?;
    Ok(())
}

pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: row::text(row, "user_id")?,
        tenant: row::text(row, "tenant_id")?,
        name: row.get("name")?,
        password_hash: row.get("password_hash")?,
        role: row::text(row, "role")?,
        disabled: row.get("disabled")?,
        created_at: row::time(row, "created_at")?,
        updated_at: row::time(row, "updated_at")?,
    })
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("id", &self.id).field("role", &self.role).finish_non_exhaustive()
    }
}

impl fmt::Debug for NewUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewUser").field("role", &self.role).finish_non_exhaustive()
    }
}
