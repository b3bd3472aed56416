//! Self-hosted server for media assets and model runs.
