//! The node's relay and front with a real engine, as control and viewers meet them, and cameras that it pulls itself.
//! No edge is connected: what a link carries is the business of the tunnel's tests.

mod node {
    mod front;
    mod hls;
    mod pull;
    mod relay;
    mod steer;
    mod support;
    mod tiers;
}
