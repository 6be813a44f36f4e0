// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
//
// A node of the stock `ockam` crate that a test leads by the hand: one command a
// line on standard input, one line "ok ..." or "error ..." back, into the file that
// is its argument (the crate itself logs on standard output). README.md beside this
// crate lists the commands.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, Write};
use std::str::FromStr;
use std::time::Duration;

use ockam::compat::tokio;
use ockam::flow_control::FlowControlId;
use ockam::identity::models::{CredentialAndPurposeKey, CredentialSchemaIdentifier, Identifier};
use ockam::identity::utils::AttributesBuilder;
use ockam::identity::{
    SecureChannel, SecureChannelListenerOptions, SecureChannelOptions, TrustMultiIdentifiersPolicy,
};
use ockam::remote::RemoteRelayOptions;
use ockam::tcp::{
    TcpConnection, TcpConnectionOptions, TcpListenerOptions, TcpTransport, TcpTransportExtension,
};
use ockam::workers::Echoer;
use ockam::{
    node, Address, Any, Context, MessageReceiveOptions, MessageSendReceiveOptions, Node,
    RelayService, RelayServiceOptions, Result, Route, Routed, Worker,
};
use ockam_core::NeutralMessage;
use ockam_vault::SigningKeyType;

mod portal;
mod udp;

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Said = std::result::Result<String, Failure>;

// Sends back the bytes that it gets, whatever they are.
struct RawEcho;

#[ockam::worker]
impl Worker for RawEcho {
    type Context = Context;
    type Message = Any;

    async fn handle_message(&mut self, ctx: &mut Context, msg: Routed<Any>) -> Result<()> {
        let back = msg.return_route();
        ctx.send(back, NeutralMessage::from(msg.into_payload()))
            .await
    }
}

// Forwards, and stands on the return route.
struct Hop;

#[ockam::worker]
impl Worker for Hop {
    type Context = Context;
    type Message = Any;

    async fn handle_message(&mut self, ctx: &mut Context, msg: Routed<Any>) -> Result<()> {
        let msg = msg
            .into_local_message()
            .pop_front_onward_route()?
            .push_front_return_route(&ctx.address());
        ctx.forward(msg).await
    }
}

// Takes the next address away and puts a fixed route in its place; answers do not
// pass here. As the crate's relay does, it lets the connections on both sides send
// to each other.
struct Onward {
    route: Route,
}

#[ockam::worker]
impl Worker for Onward {
    type Context = Context;
    type Message = Any;

    async fn handle_message(&mut self, ctx: &mut Context, msg: Routed<Any>) -> Result<()> {
        let msg = msg
            .into_local_message()
            .pop_front_onward_route()?
            .prepend_front_onward_route(&self.route);
        let next = msg.next_on_onward_route()?;
        let previous = msg.return_route_ref().next()?.clone();
        let flows = ctx.flow_controls();
        for (from, to) in [(&next, &previous), (&previous, &next)] {
            if let Some(info) = flows.find_flow_control_with_producer_address(from) {
                flows.add_consumer(to.clone(), info.flow_control_id());
            }
        }
        ctx.forward(msg).await
    }
}

// Who is reached from outside, and from where: everything by everything.
#[derive(Default)]
struct Doors {
    flows: Vec<FlowControlId>,
    services: Vec<Address>,
}

struct Peer {
    node: Node,
    tcp: TcpTransport,
    doors: Doors,
    listening: Vec<FlowControlId>,
    connections: HashMap<String, TcpConnection>,
    channels: HashMap<String, SecureChannel>,
    identities: HashMap<String, Identifier>,
    udp: udp::Udp,
}

fn fail<T>(why: impl Into<String>) -> std::result::Result<T, Failure> {
    Err(why.into().into())
}

// Bytes that both ends can make by themselves: xorshift from a seed.
struct Bytes(u64);

impl Bytes {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn message(&mut self, len: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(len + 8);
        while out.len() < len {
            out.extend_from_slice(&self.next().to_le_bytes());
        }
        out.truncate(len);
        out
    }

    // Small ones mostly, and both ends of the range.
    fn length(&mut self, n: usize, max: usize) -> usize {
        let r = self.next() as usize;
        match n {
            0 => 0,
            1 => max,
            2 => 1,
            _ if r % 256 == 0 => r / 256 % (max + 1),
            _ => r / 256 % (max.min(2000) + 1),
        }
    }
}

impl Peer {
    async fn new(ctx: Context) -> Result<Self> {
        let node = node(ctx).await?;
        let tcp = node.create_tcp_transport().await?;
        Ok(Peer {
            node,
            tcp,
            doors: Doors::default(),
            listening: vec![],
            connections: HashMap::new(),
            channels: HashMap::new(),
            identities: HashMap::new(),
            udp: udp::Udp::default(),
        })
    }

    fn open(&mut self, flow: &FlowControlId) {
        for service in &self.doors.services {
            self.node.flow_controls().add_consumer(service.clone(), flow);
        }
        self.doors.flows.push(flow.clone());
    }

    fn serve(&mut self, service: &str) {
        let address = Address::from(service);
        for flow in &self.doors.flows {
            self.node.flow_controls().add_consumer(address.clone(), flow);
        }
        self.doors.services.push(address);
    }

    // "a=>b": names of connections and channels become their addresses.
    fn route(&self, text: &str) -> std::result::Result<Route, Failure> {
        let mut hops: Vec<Address> = vec![];
        for hop in text.split("=>").filter(|hop| !hop.is_empty()) {
            hops.push(if let Some(c) = self.connections.get(hop) {
                c.sender_address().clone()
            } else if let Some(c) = self.channels.get(hop) {
                c.encryptor_address().clone()
            } else if let Some(socket) = self.udp.sender(hop) {
                socket.clone()
            } else {
                hop.into()
            });
        }
        Ok(Route::create(hops))
    }

    fn identity(&self, name: &str) -> std::result::Result<Identifier, Failure> {
        match self.identities.get(name) {
            Some(id) => Ok(id.clone()),
            None => Ok(Identifier::from_str(name)?),
        }
    }

    fn trusted(&self, list: &str) -> std::result::Result<TrustMultiIdentifiersPolicy, Failure> {
        let ids: std::result::Result<Vec<_>, _> =
            list.split(',').map(|who| self.identity(who)).collect();
        Ok(TrustMultiIdentifiersPolicy::new(ids?))
    }

    async fn make_identity(&mut self, name: &str, kind: &str) -> Said {
        let creation = self.node.identities_creation();
        let id = match kind {
            "p256" => {
                creation
                    .identity_builder()
                    .with_random_key(SigningKeyType::ECDSASHA256CurveP256)
                    .build()
                    .await?
            }
            _ => creation.create_identity().await?,
        };
        self.identities.insert(name.into(), id.clone());
        Ok(id.to_string())
    }

    async fn rotate(&mut self, name: &str, kind: &str) -> Said {
        let creation = self.node.identities_creation();
        let id = self.identity(name)?;
        let key = match kind {
            "p256" => SigningKeyType::ECDSASHA256CurveP256,
            _ => SigningKeyType::EdDSACurve25519,
        };
        let options = creation
            .identity_builder()
            .with_random_key(key)
            .build_options()
            .await?;
        creation.rotate_identity_with_options(&id, options).await?;
        Ok(id.to_string())
    }

    // listener ADDRESS IDENTITY TRUST [AUTHORITY [CREDENTIAL]]
    async fn listener(&mut self, arg: &[&str]) -> Said {
        let mut options = SecureChannelListenerOptions::new();
        for flow in &self.listening {
            options = options.as_consumer(flow);
        }
        if arg[2] != "anyone" {
            options = options.with_trust_policy(self.trusted(arg[2])?);
        }
        if let Some(authority) = arg.get(3).filter(|a| **a != "-") {
            options = options.with_authority(self.identity(authority)?);
        }
        if let Some(hex) = arg.get(4) {
            options = options.with_credential(CredentialAndPurposeKey::decode_from_string(hex)?)?;
        }
        let flow = options.spawner_flow_control_id();
        self.node
            .create_secure_channel_listener(&self.identity(arg[1])?, arg[0], options)
            .await?;
        self.open(&flow);
        // Channels inside channels.
        self.serve(arg[0]);
        Ok(String::new())
    }

    // channel NAME IDENTITY ROUTE TRUST SECONDS [AUTHORITY [CREDENTIAL]]
    async fn channel(&mut self, arg: &[&str]) -> Said {
        let seconds = arg[4].parse()?;
        let mut options =
            SecureChannelOptions::new().with_timeout(Duration::from_secs(seconds));
        if arg[3] != "anyone" {
            options = options.with_trust_policy(self.trusted(arg[3])?);
        }
        if let Some(authority) = arg.get(5).filter(|a| **a != "-") {
            options = options.with_authority(self.identity(authority)?);
        }
        if let Some(hex) = arg.get(6) {
            options = options.with_credential(CredentialAndPurposeKey::decode_from_string(hex)?)?;
        }
        let channel = self
            .node
            .create_secure_channel(&self.identity(arg[1])?, self.route(arg[2])?, options)
            .await?;
        let peer = channel.their_identifier().to_string();
        self.open(&channel.flow_control_id().clone());
        self.channels.insert(arg[0].into(), channel);
        Ok(peer)
    }

    async fn relays(&mut self, prefix: &str) -> Said {
        let mut options = RelayServiceOptions::new()
            .alias("static_forwarding_service")
            .prefix(prefix);
        for flow in &self.doors.flows {
            options = options.service_as_consumer(flow).relay_as_consumer(flow);
        }
        RelayService::create(self.node.context(), "forwarding_service", options).await?;
        Ok(String::new())
    }

    async fn register(&mut self, route: &str, alias: Option<&&str>) -> Said {
        let route = self.route(route)?;
        let made = match alias {
            Some(alias) => {
                self.node
                    .create_static_relay(route, *alias, RemoteRelayOptions::new())
                    .await?
            }
            None => {
                self.node
                    .create_relay(route, RemoteRelayOptions::new())
                    .await?
            }
        };
        Ok(made.remote_address().into())
    }

    // Sends messages of many sizes, `window` ahead of the answers, and compares.
    async fn burst(&self, arg: &[&str]) -> Said {
        let route = self.route(arg[0])?;
        let count: usize = arg[1].parse()?;
        let max: usize = arg[2].parse()?;
        let seed: u64 = arg[3].parse()?;
        let window: usize = arg[4].parse()?;
        let me = Address::random_local();
        let flows = self.node.flow_controls();
        if let Some(info) = flows.find_flow_control_with_producer_address(route.next()?) {
            flows.add_consumer(me.clone(), info.flow_control_id());
        }
        let mut ctx = self
            .node
            .context()
            .new_detached(me, ockam::access_control::AllowAll, ockam::access_control::AllowAll)
            .await?;
        // Datagrams may overtake each other.
        let any_order = arg.len() > 5;
        let mut bytes = Bytes(seed | 1);
        let mut under_way = VecDeque::new();
        let (mut sent, mut total) = (0, 0);
        for n in 0..count {
            while sent < count && sent < n + window {
                let len = bytes.length(sent, max);
                let message = bytes.message(len);
                ctx.send(route.clone(), NeutralMessage::from(message.clone()))
                    .await?;
                under_way.push_back(message);
                sent += 1;
            }
            let got = ctx
                .receive_extended::<NeutralMessage>(MessageReceiveOptions::new().with_timeout_secs(60))
                .await
                .map_err(|e| format!("message {n} of {} bytes: {e}", under_way[0].len()))?
                .into_payload();
            match under_way.iter().position(|want| *want == got) {
                Some(at) if at == 0 || any_order => under_way.remove(at),
                _ => {
                    let (len, want) = (got.len(), under_way[0].len());
                    return fail(format!("message {n}: {len} bytes for {want}, or others"));
                }
            };
            total += got.len();
        }
        Ok(format!("{count} {total}"))
    }

    async fn ask(&self, route: &str, text: &str, seconds: &str) -> Said {
        let wait = Duration::from_secs(seconds.parse()?);
        let answer = self
            .node
            .send_and_receive_extended::<String>(
                self.route(route)?,
                text.to_string(),
                MessageSendReceiveOptions::new().with_timeout(wait),
            )
            .await?;
        Ok(answer.into_body()?)
    }

    async fn issue(&self, arg: &[&str]) -> Said {
        let (name, value) = arg[2].split_once('=').ok_or("NAME=VALUE")?;
        let credential = self
            .node
            .credentials()
            .credentials_creation()
            .issue_credential(
                &self.identity(arg[0])?,
                &self.identity(arg[1])?,
                AttributesBuilder::with_schema(CredentialSchemaIdentifier(1))
                    .with_attribute(name, value)
                    .build(),
                Duration::from_secs(arg[3].parse()?),
            )
            .await?;
        Ok(credential.encode_as_string()?)
    }

    // What this node believes about SUBJECT because AUTHORITY said so.
    async fn attributes(&self, subject: &str, authority: &str) -> Said {
        let known = self
            .node
            .identities()
            .identities_attributes()
            .get_attributes(&self.identity(subject)?, &self.identity(authority)?)
            .await?;
        let mut words = vec![];
        if let Some(known) = known {
            for (name, value) in known.attrs() {
                words.push(format!(
                    "{}={}",
                    String::from_utf8_lossy(name),
                    String::from_utf8_lossy(value)
                ));
            }
        }
        Ok(words.join(" "))
    }

    fn peers(&self) -> Said {
        let mut peers: Vec<_> = self
            .node
            .secure_channels()
            .secure_channel_registry()
            .get_channel_list()
            .iter()
            .map(|c| c.their_id().to_string())
            .collect();
        peers.sort();
        Ok(format!("{} {}", peers.len(), peers.join(" ")))
    }

    async fn close(&self, encryptor: &Address) -> Said {
        self.node
            .secure_channels()
            .stop_secure_channel(self.node.context(), encryptor)
            .await?;
        Ok(String::new())
    }

    // Ends the channels that IDENTIFIER has made to this node; says how many.
    async fn hangup(&self, peer: &str) -> Said {
        let peer = self.identity(peer)?;
        let mut count = 0;
        for c in self
            .node
            .secure_channels()
            .secure_channel_registry()
            .get_channel_list()
            .iter()
            .filter(|c| !c.is_initiator() && *c.their_id() == peer)
        {
            self.close(c.encryptor_messaging_address()).await?;
            count += 1;
        }
        Ok(count.to_string())
    }

    async fn command(&mut self, line: &str) -> Said {
        let word: Vec<&str> = line.split_whitespace().collect();
        let least = |n| match word.len() > n {
            true => Ok(()),
            false => fail::<()>("more words are needed"),
        };
        match *word.first().unwrap_or(&"") {
            "listen" => {
                least(1)?;
                let options = TcpListenerOptions::new();
                let flow = options.spawner_flow_control_id();
                self.tcp.listen(word[1], options).await?;
                self.listening.push(flow.clone());
                self.open(&flow);
                Ok(String::new())
            }
            "connect" => {
                least(2)?;
                let c = self
                    .tcp
                    .connect(word[2], TcpConnectionOptions::new())
                    .await?;
                self.open(&c.flow_control_id().clone());
                let address = c.sender_address().address().to_string();
                self.connections.insert(word[1].into(), c);
                Ok(address)
            }
            "disconnect" => {
                least(1)?;
                let c = self.connections.remove(word[1]).ok_or("no connection")?;
                c.stop(self.node.context()).await?;
                Ok(String::new())
            }
            "udp" => {
                least(2)?;
                self.udp(&word[1..]).await
            }
            "udp-end" => {
                least(1)?;
                self.udp_end(word[1]).await
            }
            "echo" | "echoer" | "hop" => {
                least(1)?;
                match word[0] {
                    "echo" => self.node.start_worker(word[1], RawEcho).await?,
                    "echoer" => self.node.start_worker(word[1], Echoer).await?,
                    _ => self.node.start_worker(word[1], Hop).await?,
                };
                self.serve(word[1]);
                Ok(String::new())
            }
            "onward" => {
                least(2)?;
                let route = self.route(word[2])?;
                self.node.start_worker(word[1], Onward { route }).await?;
                self.serve(word[1]);
                Ok(String::new())
            }
            "identity" => {
                least(1)?;
                self.make_identity(word[1], word.get(2).unwrap_or(&"")).await
            }
            "rotate" => {
                least(1)?;
                self.rotate(word[1], word.get(2).unwrap_or(&"")).await
            }
            "export" => {
                least(1)?;
                let id = self.identity(word[1])?;
                let history = self.node.identities().get_change_history(&id).await?;
                Ok(history.export_as_string()?)
            }
            "import" => {
                least(1)?;
                Ok(self.node.import_identity_hex(None, word[1]).await?.to_string())
            }
            "issue" => {
                least(4)?;
                self.issue(&word[1..]).await
            }
            "attributes" => {
                least(2)?;
                self.attributes(word[1], word[2]).await
            }
            "listener" => {
                least(3)?;
                self.listener(&word[1..]).await
            }
            "channel" => {
                least(5)?;
                self.channel(&word[1..]).await
            }
            "peers" => self.peers(),
            "close" => {
                least(1)?;
                let c = self.channels.remove(word[1]).ok_or("no channel")?;
                self.close(c.encryptor_address()).await
            }
            "hangup" => {
                least(1)?;
                self.hangup(word[1]).await
            }
            "reroute" => {
                least(2)?;
                let route = self.route(word[2])?;
                let c = self.channels.get(word[1]).ok_or("no channel")?;
                c.update_remote_node_route(route)?;
                Ok(String::new())
            }
            "relays" => self.relays(word.get(1).unwrap_or(&"")).await,
            "register" => {
                least(1)?;
                self.register(word[1], word.get(2)).await
            }
            "inlet" => {
                least(3)?;
                self.inlet(&word[1..]).await
            }
            "outlet" => {
                least(3)?;
                self.outlet(&word[1..]).await
            }
            "ask" => {
                least(3)?;
                self.ask(word[1], word[2], word[3]).await
            }
            "burst" => {
                least(5)?;
                self.burst(&word[1..]).await
            }
            _ => fail("no such command"),
        }
    }
}

#[ockam::node]
async fn main(ctx: Context) -> Result<()> {
    let (to, mut from) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            if to.send(line).is_err() {
                break;
            }
        }
    });
    let answers = std::env::args().nth(1).expect("usage: rust-peer FILE");
    let mut out = std::fs::OpenOptions::new()
        .write(true)
        .open(&answers)
        .unwrap_or_else(|e| panic!("{answers}: {e}"));
    let mut peer = Peer::new(ctx).await?;
    while let Some(line) = from.recv().await {
        let said = match peer.command(&line).await {
            Ok(text) => format!("ok {text}"),
            Err(e) => format!("error {e}"),
        };
        if writeln!(out, "{}", said.replace('\n', " ")).is_err() {
            break;
        }
    }
    // Not node.stop(): that would close channels, which is for `close` to do.
    std::process::exit(0)
}
