// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
//
// The crate's UDP transport: sockets for one peer or for any.

use std::collections::HashMap;

use ockam::udp::{UdpBindArguments, UdpBindOptions, UdpTransport, UdpTransportExtension};
use ockam::Address;

use crate::{Peer, Said};

#[derive(Default)]
pub(crate) struct Udp {
    transport: Option<UdpTransport>,
    sockets: HashMap<String, Address>,
}

impl Udp {
    // What sends for the socket of that name.
    pub(crate) fn sender(&self, name: &str) -> Option<&Address> {
        self.sockets.get(name)
    }
}

impl Peer {
    // udp NAME IP:PORT [PEER]
    pub(crate) async fn udp(&mut self, arg: &[&str]) -> Said {
        if self.udp.transport.is_none() {
            self.udp.transport = Some(self.node.create_udp_transport().await?);
        }
        let mut at = UdpBindArguments::new().with_bind_address(arg[1])?;
        if let Some(peer) = arg.get(2) {
            at = at.with_peer_address(peer).await?;
        }
        let options = UdpBindOptions::new();
        let flow = options.flow_control_id();
        let socket = match &self.udp.transport {
            Some(udp) => udp.bind(at, options).await?,
            None => return Err("no transport".into()),
        };
        self.listening.push(flow.clone());
        self.open(&flow);
        let sender = socket.sender_address().clone();
        self.udp.sockets.insert(arg[0].into(), sender.clone());
        Ok(sender.address().into())
    }

    // udp-end NAME
    pub(crate) async fn udp_end(&mut self, name: &str) -> Said {
        let sender = self.udp.sockets.remove(name).ok_or("no socket")?;
        match &self.udp.transport {
            Some(udp) => udp.unbind(sender).await?,
            None => return Err("no transport".into()),
        }
        Ok(String::new())
    }
}
