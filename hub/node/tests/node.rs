//! The node's relay and front with a real engine, as control and viewers meet them. No edge is connected: what a
//! feed carries is the business of the tunnel's tests.

mod node {
    mod front;
    mod relay;
    mod support;
}
