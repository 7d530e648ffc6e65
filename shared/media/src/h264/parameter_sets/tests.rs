//! Parameter sets as encoders and cameras write them.
