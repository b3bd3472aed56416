//! The testing kit: servers, databases, receivers, pictures.
