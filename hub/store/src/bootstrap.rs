use sluice_ids::{TenantId, UserId};

use crate::{NewUser, Store, StoreError, Tenant, UserRole, page::one, tenants, users};

/// What a hub without tenants is given at its first start.
#[derive(Clone)]
pub struct Bootstrap {
    /// Name of the default tenant.
    pub tenant_name: String,
    /// Login name of its first administrator.
    pub admin_name: String,
    /// argon2, PHC text.
    pub admin_password_hash: String,
}

/// What stands after a first start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bootstrapped {
    /// The default tenant.
    pub tenant: TenantId,
    /// The administrator, if this start made one.
    pub admin: Option<UserId>,
}

impl Store {
    /// The default tenant; `None` before the first start, when [`Store::bootstrap`] must be called.
    pub async fn default_tenant(&self) -> Result<Option<Tenant>, StoreError> {
        self.read(|connection| one(connection, FIRST, [], tenants::read)).await
    }

    /// Makes the default tenant and its administrator, both or none; changes nothing where a tenant exists.
    pub async fn bootstrap(&self, first: Bootstrap) -> Result<Bootstrapped, StoreError> {
        let id = self.fresh(TenantId::from_uuid);
        let tenant = Tenant { id, name: first.tenant_name, created_at: self.now() };
        let admin = NewUser {
            name: first.admin_name,
            password_hash: first.admin_password_hash,
            role: UserRole::Admin,
        };
        let admin = self.new_user(id, admin);
        self.write(move |connection| {
            if let Some(known) = one(connection, FIRST, [], tenants::read)? {
                return Ok(Bootstrapped { tenant: known.id, admin: None });
            }
            tenants::insert(connection, &tenant)?;
            users::insert(connection, &admin)?;
            Ok(Bootstrapped { tenant: id, admin: Some(admin.id) })
        })
        .await
    }
}

const FIRST: &str = "SELECT * FROM tenants ORDER BY tenant_id LIMIT 1";
