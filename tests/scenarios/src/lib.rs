//! Whole-system scenarios: real programs on loopback, driven as an operator or a dashboard drives them.
//! They are in `tests/`; what they stand on is `sluice-testkit`.
