use std::collections::{HashMap, HashSet};

use rusqlite::params;
use sluice_ids::{CameraId, DeviceId, TenantId};

use crate::{
    Store, StoreError,
    page::{all, run},
    row,
};

/// Names a camera that a device found: the device, the physical camera's key, its video source.
pub type FindKey = (DeviceId, String, u32);

/// What the registry has to say of cameras that devices found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Finds {
    /// Those that are cameras of the registry.
    pub accepted: HashMap<FindKey, CameraId>,
    /// Those that nobody wants to hear of.
    pub ignored: HashSet<FindKey>,
    /// The streams of cameras of the registry that no key names for good: added as plain RTSP, or found where a device had
    /// no name but its address. By who pulls them, with their addresses.
    pub plain: Vec<(DeviceId, String, CameraId)>,
}

impl Store {
    /// What the tenant's registry has to say of cameras that its devices found.
    pub async fn finds(&self, tenant: TenantId) -> Result<Finds, StoreError> {
        let accepted = "SELECT device_id, onvif_key, onvif_channel, camera_id FROM cameras
                        WHERE tenant_id = ?1 AND onvif_key <> '' AND device_id IS NOT NULL";
        let ignored = "SELECT device_id, key, channel FROM ignored_finds WHERE tenant_id = ?1";
        let plain =
            "SELECT device_id, url, camera_id FROM cameras JOIN camera_tiers USING (tenant_id, camera_id)
                     WHERE tenant_id = ?1 AND (onvif_xaddr IS NULL OR onvif_key LIKE 'at %') AND device_id IS NOT NULL";
        self.read(move |connection| {
            let tenant = tenant.to_string();
            let accepted: Vec<(FindKey, CameraId)> = all(connection, accepted, [&tenant], |row| {
                let key = (row::text(row, "device_id")?, row.get(1)?, row.get(2)?);
                Ok((key, row::text(row, "camera_id")?))
            })?;
            let ignored: Vec<FindKey> = all(connection, ignored, [&tenant], |row| {
                Ok((row::text(row, "device_id")?, row.get(1)?, row.get(2)?))
            })?;
            let plain = all(connection, plain, [&tenant], |row| {
                Ok((row::text(row, "device_id")?, row.get("url")?, row::text(row, "camera_id")?))
            })?;
            Ok(Finds {
                accepted: accepted.into_iter().collect(),
                ignored: ignored.into_iter().collect(),
                plain,
            })
        })
        .await
    }

    /// Hides cameras that devices found, or shows them again. [`StoreError::MissingReference`] where a device is not
    /// the tenant's.
    pub async fn ignore_finds(
        &self,
        tenant: TenantId,
        finds: Vec<FindKey>,
        ignored: bool,
    ) -> Result<(), StoreError> {
        let statement = if ignored {
            "INSERT INTO ignored_finds (tenant_id, device_id, key, channel) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO NOTHING"
        } else {
            "DELETE FROM ignored_finds WHERE tenant_id = ?1 AND device_id = ?2 AND key = ?3 AND channel = ?4"
        };
        self.write(move |connection| {
            for (device, key, channel) in &finds {
                run(connection, statement, params![tenant.to_string(), device.to_string(), key, channel])?;
            }
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NewCamera, OnvifSource, testing::bench};

    #[tokio::test]
    async fn a_find_is_accepted_once_and_ignored_until_it_is_shown_again() {
        let bench = bench().await;
        let store = &bench.store;
        let onvif = |key: &str| {
            Some(OnvifSource { key: key.into(), xaddr: "http://10.0.0.2/onvif".into(), channel: 3 })
        };
        let new = |key: &str| NewCamera { onvif: onvif(key), ..bench.new_camera() };
        let camera = store.create_camera(bench.ours, new("a")).await.unwrap();
        assert_eq!(store.camera(bench.ours, camera.id).await.unwrap(), Some(camera.clone()));
        assert!(matches!(store.create_camera(bench.ours, new("a")).await, Err(StoreError::Exists)));
        // Cameras that somebody named by their address have no key yet.
        store.create_camera(bench.ours, new("")).await.unwrap();
        store.create_camera(bench.ours, new("")).await.unwrap();

        let find = (bench.device, "b".to_owned(), 0);
        store.ignore_finds(bench.ours, vec![find.clone(), find.clone()], true).await.unwrap();
        let plain = store.create_camera(bench.ours, bench.new_camera()).await.unwrap();
        let finds = store.finds(bench.ours).await.unwrap();
        let streams = finds.plain.iter().filter(|(device, _, id)| (*device, *id) == (bench.device, plain.id));
        assert_eq!(
            (finds.plain.len(), streams.count()),
            (2, 2),
            "both streams of the one that is no ONVIF camera"
        );
        let addressed = store.create_camera(bench.ours, new("at 10.0.0.2:80")).await.unwrap();
        let known = store.finds(bench.ours).await.unwrap();
        let streams = known.plain.iter().filter(|(.., id)| *id == addressed.id).count();
        assert_eq!(streams, 2, "a device that was found by its address may have a name the next time");
        assert_eq!(finds.accepted, HashMap::from([((bench.device, "a".to_owned(), 3), camera.id)]));
        assert_eq!(finds.ignored, HashSet::from([find.clone()]));
        let found = store.camera_by_find(bench.ours, bench.device, ("a".into(), 3)).await.unwrap();
        assert_eq!(found, Some(camera.id));

        assert_eq!(store.finds(bench.theirs).await.unwrap(), Finds::default());
        assert_eq!(store.camera_by_find(bench.theirs, bench.device, ("a".into(), 3)).await.unwrap(), None);
        let stray = store.ignore_finds(bench.theirs, vec![find.clone()], true).await;
        assert!(matches!(stray, Err(StoreError::MissingReference)));
        store.ignore_finds(bench.theirs, vec![find.clone()], false).await.unwrap();
        assert_eq!(store.finds(bench.ours).await.unwrap().ignored.len(), 1, "not theirs to show again");
        store.ignore_finds(bench.ours, vec![find], false).await.unwrap();
        assert!(store.finds(bench.ours).await.unwrap().ignored.is_empty());
    }
}
