//! Low-latency HLS: access units come in, playlists and parts go out. Pure.
