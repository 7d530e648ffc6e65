use rusqlite::params;
use sluice_ids::{TenantId, UserId};

use crate::{Store, StoreError, UserRole, page::run};

impl Store {
    /// Gives a user another role; it counts from their next request on. Whether the user exists.
    pub async fn set_user_role(&self, tenant: TenantId, id: UserId, role: UserRole) -> Result<bool, StoreError> {
        let now = self.now();
        let statement = "UPDATE users SET role = ?3, updated_at = ?4 WHERE tenant_id = ?1 AND user_id = ?2";
        self.write(move |connection| {
            let params = params![tenant.to_string(), id.to_string(), role.as_str(), now.0];
            Ok(run(connection, statement, params)? == 1)
        })
        .await
    }
}
