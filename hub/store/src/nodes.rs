use rusqlite::params;
use sluice_ids::{NodeId, TenantId, UnixMillis};

use crate::{
    Store, StoreError,
    page::{all, one, run},
    row,
};

/// A media node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// What people call it.
    pub name: String,
    /// When it was made.
    pub created_at: UnixMillis,
}

impl Store {
    /// The node called `name` that the tenant operates; made at its first start, the same ever after.
    pub async fn ensure_node(&self, tenant: TenantId, name: String) -> Result<NodeId, StoreError> {
        let (fresh, now) = (self.fresh(NodeId::from_uuid), self.now());
        self.write(move |connection| {
            let query =
                "SELECT node_id FROM nodes WHERE tenant_id = ?1 AND name = ?2 ORDER BY node_id LIMIT 1";
            let known =
                one(connection, query, params![tenant.to_string(), name], |row| row::text(row, "node_id"))?;
            if let Some(known) = known {
                return Ok(known);
            }
            let insert = "INSERT INTO nodes (node_id, tenant_id, name, created_at) VALUES (?1, ?2, ?3, ?4)";
            run(connection, insert, params![fresh.to_string(), tenant.to_string(), name, now.0])?;
            Ok(fresh)
        })
        .await
    }

    /// Every node.
    pub async fn nodes(&self) -> Result<Vec<Node>, StoreError> {
        self.read(|connection| {
            all(connection, "SELECT * FROM nodes ORDER BY node_id", [], |row| {
                Ok(Node {
                    id: row::text(row, "node_id")?,
                    name: row.get("name")?,
                    created_at: row::time(row, "created_at")?,
                })
            })
        })
        .await
    }
}
