"""Makes and serves a sparse registry of the crates that Debian packages."""
