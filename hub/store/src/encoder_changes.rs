use rusqlite::params;
use sluice_ids::{CameraId, TenantId, Tier};

use crate::{
    Store, StoreError,
    page::{all, one, run},
    row,
};

/// A change of a camera's encoder that can be undone. The settings are JSON: what they mean is not the store's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncoderChanged {
    /// Which of the stream's changes; the newest is the highest.
    pub number: u32,
    /// As it was set.
    pub before: String,
    /// As it was set then.
    pub after: String,
}

impl Store {
    /// Notes a change of an encoder. The oldest go when there are too many.
    pub async fn note_encoder_change(
        &self,
        tenant: TenantId,
        (camera, tier): (CameraId, Tier),
        (before, after): (String, String),
    ) -> Result<(), StoreError> {
        let now = self.now();
        self.write(move |connection| {
            let (tenant, camera) = (tenant.to_string(), camera.to_string());
            let statement = "INSERT INTO encoder_changes
                (tenant_id, camera_id, tier, number, before, after, changed_at)
                SELECT ?1, ?2, ?3, coalesce(max(number), 0) + 1, ?4, ?5, ?6 FROM encoder_changes
                WHERE tenant_id = ?1 AND camera_id = ?2 AND tier = ?3";
            let of = params![tenant, camera, tier.as_str(), before, after, now.0];
            run(connection, statement, of)?;
            let old = "DELETE FROM encoder_changes WHERE tenant_id = ?1 AND camera_id = ?2 AND tier = ?3
                       AND number <= (SELECT max(number) FROM encoder_changes
                                      WHERE tenant_id = ?1 AND camera_id = ?2 AND tier = ?3) - ?4";
            run(connection, old, params![tenant, camera, tier.as_str(), MOST])?;
            Ok(())
        })
        .await
    }

    /// The newest change of a stream's encoder that was not undone.
    pub async fn last_encoder_change(
        &self,
        tenant: TenantId,
        camera: CameraId,
        tier: Tier,
    ) -> Result<Option<EncoderChanged>, StoreError> {
        let query = "SELECT number, before, after FROM encoder_changes
                     WHERE tenant_id = ?1 AND camera_id = ?2 AND tier = ?3 ORDER BY number DESC LIMIT 1";
        self.read(move |connection| {
            let params = params![tenant.to_string(), camera.to_string(), tier.as_str()];
            one(connection, query, params, |row| {
                Ok(EncoderChanged { number: row.get(0)?, before: row.get(1)?, after: row.get(2)? })
            })
        })
        .await
    }

    /// The streams of a camera whose encoder has a change that can be undone.
    pub async fn undoable(&self, tenant: TenantId, camera: CameraId) -> Result<Vec<Tier>, StoreError> {
        let query =
            "SELECT DISTINCT tier FROM encoder_changes WHERE tenant_id = ?1 AND camera_id = ?2 ORDER BY tier";
        self.read(move |connection| {
            let params = params![tenant.to_string(), camera.to_string()];
            all(connection, query, params, |row| row::text(row, "tier"))
        })
        .await
    }

    /// A change was undone.
    pub async fn encoder_change_undone(
        &self,
        tenant: TenantId,
        (camera, tier): (CameraId, Tier),
        number: u32,
    ) -> Result<(), StoreError> {
        let statement = "DELETE FROM encoder_changes
                         WHERE tenant_id = ?1 AND camera_id = ?2 AND tier = ?3 AND number = ?4";
        self.write(move |connection| {
            run(
                connection,
                statement,
                params![tenant.to_string(), camera.to_string(), tier.as_str(), number],
            )?;
            Ok(())
        })
        .await
    }
}

/// Steps back that are kept of one stream.
const MOST: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::bench;

    #[tokio::test]
    async fn changes_are_undone_from_the_newest_and_the_oldest_are_forgotten() {
        let bench = bench().await;
        let (store, ours) = (&bench.store, bench.ours);
        let camera = store.create_camera(ours, bench.new_camera()).await.unwrap().id;
        for n in 0..MOST + 3 {
            let change = (n.to_string(), (n + 1).to_string());
            store.note_encoder_change(ours, (camera, Tier::Main), change).await.unwrap();
        }
        assert_eq!(store.undoable(ours, camera).await.unwrap(), [Tier::Main]);
        assert_eq!(store.undoable(bench.theirs, camera).await.unwrap(), []);
        assert_eq!(store.last_encoder_change(bench.theirs, camera, Tier::Main).await.unwrap(), None);
        let mut undone = 0;
        while let Some(last) = store.last_encoder_change(ours, camera, Tier::Main).await.unwrap() {
            assert_eq!(last.before, (MOST + 2 - undone).to_string());
            store.encoder_change_undone(ours, (camera, Tier::Main), last.number).await.unwrap();
            undone += 1;
        }
        assert_eq!(undone, MOST);
        let stray = (String::new(), String::new());
        let stray = store.note_encoder_change(bench.theirs, (camera, Tier::Main), stray).await;
        assert!(matches!(stray, Err(StoreError::MissingReference)));
    }
}
