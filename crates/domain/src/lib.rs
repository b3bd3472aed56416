//! Rules and transitions of Runnel; no HTTP types, no SQL text.
