// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
//
// The crate's TCP inlets and outlets, as the commands `inlet` and `outlet`.

use std::str::FromStr;
use std::sync::Arc;

use ockam::access_control::{AllowAll, IdentityAccessControlBuilder, IncomingAccessControl};
use ockam::tcp::{TcpInletOptions, TcpOutletOptions};
use ockam::transport::HostnamePort;

use crate::{Failure, Peer, Said};

impl Peer {
    // Whose messages an inlet or outlet takes: those of channels with TRUST.
    fn may(&self, list: &str) -> std::result::Result<Arc<dyn IncomingAccessControl>, Failure> {
        if list == "anyone" {
            return Ok(Arc::new(AllowAll));
        }
        let mut ids = vec![];
        for who in list.split(',') {
            ids.push(self.identity(who)?);
        }
        Ok(Arc::new(IdentityAccessControlBuilder::new_with_ids(ids)))
    }

    // inlet IP:PORT ROUTE TRUST: says where it listens
    pub(crate) async fn inlet(&mut self, arg: &[&str]) -> Said {
        let options = TcpInletOptions::new().with_incoming_access_control(self.may(arg[2])?);
        let inlet = self
            .tcp
            .create_inlet(arg[0], self.route(arg[1])?, options)
            .await?;
        Ok(inlet.socket_address().to_string())
    }

    // outlet ADDRESS HOST:PORT TRUST
    pub(crate) async fn outlet(&mut self, arg: &[&str]) -> Said {
        let options = TcpOutletOptions::new().with_incoming_access_control(self.may(arg[2])?);
        self.tcp
            .create_outlet(arg[0], HostnamePort::from_str(arg[1])?, options)
            .await?;
        self.serve(arg[0]);
        Ok(String::new())
    }
}
