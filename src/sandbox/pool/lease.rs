//! A sandbox on loan.

use std::ops::Deref;
use std::sync::Arc;

use super::Inner;
use crate::sandbox::Sandbox;
use crate::sandbox::backend::{Backend, ContainerId};
use crate::sandbox::channel::ChannelError;
use crate::sandbox::contract::ContainerSpec;

/// A sandbox that one execution has for itself. Dropping it gives it back.
#[derive(Debug)]
pub struct Lease<B: Backend> {
    pool: Arc<Inner<B>>,
    spec: Arc<ContainerSpec>,
    /// Taken when the lease ends, and only then.
    sandbox: Option<Sandbox>,
    reusable: bool,
}

impl<B: Backend> Lease<B> {
    pub(super) fn new(pool: Arc<Inner<B>>, spec: Arc<ContainerSpec>, sandbox: Sandbox) -> Self {
        Self { pool, spec, sandbox: Some(sandbox), reusable: true }
    }

    /// The sandbox is in an unknown state: it is destroyed when the lease ends.
    pub fn discard(&mut self) {
        self.reusable = false;
    }

    /// Leaves the sandbox running, on its own from now on. On failure it ends like any other.
    pub async fn leave(mut self) -> Result<ContainerId, ChannelError> {
        self.discard();
        self.channel().stay().await?;
        let id = self.id().clone();
        // Dropped rather than given back: the connection ends, and the guest stays.
        drop(self.sandbox.take());
        Ok(id)
    }
}

impl<B: Backend> Deref for Lease<B> {
    type Target = Sandbox;

    fn deref(&self) -> &Sandbox {
        self.sandbox.as_ref().expect("a lease has its sandbox until it ends")
    }
}

impl<B: Backend> Drop for Lease<B> {
    fn drop(&mut self) {
        if let Some(sandbox) = self.sandbox.take() {
            self.pool.give_back(&self.spec, sandbox, self.reusable);
        }
    }
}
