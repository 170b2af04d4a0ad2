//! `RemoteIsol8`: a server of isol8, used from elsewhere.
