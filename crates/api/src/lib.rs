//! HTTP in, domain calls, JSON out.
