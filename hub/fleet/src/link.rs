//! One task per control link: what the device says goes to the fleet, what the fleet orders goes to the device.

use std::net::SocketAddr;

use sluice_hub_link::ControlLink;
use sluice_ids::DeviceId;
use sluice_runtime::Shutdown;
use sluice_wire::{
    CloseCode,
    control::{EdgeHello, ToEdge, ToHub},
};
use tokio::sync::mpsc;

use crate::roster::LinkId;

/// What a link tells the fleet: first that it is up, last that it is down.
#[derive(Debug)]
pub(crate) struct FromLink {
    pub(crate) link: LinkId,
    pub(crate) device: DeviceId,
    pub(crate) what: Happened,
}

#[derive(Debug)]
pub(crate) enum Happened {
    Up { hello: EdgeHello, remote: SocketAddr, orders: mpsc::Sender<Order> },
    Said(ToHub),
    Down,
}

/// What the fleet wants of a link. A dropped sender closes it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Order {
    Send(ToEdge),
    Close(CloseCode, &'static str),
}

/// Orders that wait for one link; a link that does not keep up is closed.
pub(crate) const ORDERS: usize = 64;
/// Messages of all links that wait for the fleet; the links wait with them.
pub(crate) const FROM_LINKS: usize = 1024;

pub(crate) async fn run(
    mut link: ControlLink,
    id: LinkId,
    fleet: mpsc::Sender<FromLink>,
    shutdown: Shutdown,
) {
    let device = link.device();
    let tell = async |what| fleet.send(FromLink { link: id, device, what }).await.is_ok();
    let (orders, mut inbox) = mpsc::channel(ORDERS);
    if !tell(Happened::Up { hello: link.hello().clone(), remote: link.remote(), orders }).await {
        return;
    }
    loop {
        tokio::select! {
            () = shutdown.requested() => {
                link.close(CloseCode::Stopping, "the hub stops");
                break;
            }
            said = link.recv() => match said {
                Some(said) => if !tell(Happened::Said(said)).await { break },
                None => break,
            },
            order = inbox.recv() => match order {
                Some(Order::Send(message)) => if link.send(&message).is_err() { break },
                Some(Order::Close(code, text)) => {
                    link.close(code, text);
                    break;
                }
                None => {
                    link.close(CloseCode::TooSlow, "the device does not keep up");
                    break;
                }
            },
        }
    }
    tell(Happened::Down).await;
}
