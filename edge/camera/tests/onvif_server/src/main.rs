//! A camera of the crate `onvif-server` on a free port of loopback, until it is killed. Prints the port.

use async_trait::async_trait;
use onvif_server::{
    DeviceInfo, DeviceService, MediaProfile, MediaService, NetworkInterface, OnvifError, OnvifServer,
    PTZService,
};

#[derive(Clone)]
struct Camera;

#[async_trait]
impl DeviceService for Camera {
    async fn get_device_information(&self) -> Result<DeviceInfo, OnvifError> {
        Ok(DeviceInfo {
            manufacturer: "Peer".into(),
            model: "P-1".into(),
            firmware_version: "0.1.1".into(),
            serial_number: "SN-0001".into(),
            hardware_id: "peer".into(),
        })
    }

    async fn get_network_interfaces(&self) -> Result<Vec<NetworkInterface>, OnvifError> {
        Ok(vec![NetworkInterface {
            token: "eth0".into(),
            enabled: true,
            name: "eth0".into(),
            hw_address: "02:AA:BB:CC:DD:EE".into(),
            mtu: 1_500,
        }])
    }
}

#[async_trait]
impl MediaService for Camera {
    fn profiles(&self) -> Vec<MediaProfile> {
        let profile = |token: &str, (width, height): (u32, u32), bitrate: u32| MediaProfile {
            token: token.into(),
            name: token.into(),
            video_source_token: "source".into(),
            width,
            height,
            encoding: "H264".into(),
            framerate: 25,
            bitrate,
        };
        vec![profile("big", (1_920, 1_080), 4_096), profile("small", (640, 360), 512)]
    }

    async fn get_stream_uri(&self, profile: &str) -> Result<String, OnvifError> {
        Ok(format!("rtsp://127.0.0.1:8554/{profile}"))
    }

    async fn get_snapshot_uri(&self, _profile: &str) -> Result<String, OnvifError> {
        Err(OnvifError::ActionNotSupported)
    }
}

#[async_trait]
impl PTZService for Camera {
    async fn continuous_move(&self, _: &str, _: f32, _: f32, _: f32) -> Result<(), OnvifError> {
        Ok(())
    }

    async fn stop(&self, _: &str, _: bool, _: bool) -> Result<(), OnvifError> {
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let server = OnvifServer::builder()
        .port(port)
        .advertised_host("127.0.0.1")
        .device_service(Camera)
        .media_service(Camera)
        .ptz_service(Camera)
        .auth("admin", "camera")
        .build()
        .expect("a device service is there");
    let router = server.into_router().expect("a device service is there");
    println!("{port}");
    axum::serve(listener, router).await.expect("it serves until it is killed");
}
