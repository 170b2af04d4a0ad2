//! Who a request to a server is from.
