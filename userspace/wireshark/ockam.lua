-- SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
--
-- Wireshark dissector for Ockam over TCP and UDP: routes, payload, handshakes and
-- encrypted messages of secure channels.  Copy it to the plugin directory that
-- Help > About > Folders names, or: tshark -X lua_script:ockam.lua
--
-- Nothing is decrypted.  Which payload is a handshake message cannot be seen in it:
-- it follows from the addresses, once the first message was in the capture.

local MAX_MESSAGE = 16 * 1024 * 1024
local MAX_DEPTH = 8
local NAME_LEN = 32	-- of a generated address

local TYPES = {
	[0] = "local", [1] = "tcp", [2] = "udp", [3] = "ws", [4] = "ble", [5] = "uds",
}
local STEPS = {
	[1] = "handshake message 1", [2] = "handshake message 2",
	[3] = "handshake message 3", [4] = "encrypted message",
}

local ockam = Proto("ockam", "Ockam")
local f = {
	version = ProtoField.uint8("ockam.version", "Protocol version"),
	length = ProtoField.uint32("ockam.length", "Message length"),
	onward = ProtoField.string("ockam.onward", "Onward route"),
	ret = ProtoField.string("ockam.return", "Return route"),
	address = ProtoField.string("ockam.address", "Address"),
	payload = ProtoField.bytes("ockam.payload", "Payload"),
	tracing = ProtoField.string("ockam.tracing", "Tracing context"),
	heartbeat = ProtoField.bool("ockam.heartbeat", "Heartbeat"),
	step = ProtoField.uint8("ockam.channel.step", "Secure channel", base.DEC, STEPS),
	ephemeral = ProtoField.bytes("ockam.channel.ephemeral", "Ephemeral key"),
	static = ProtoField.bytes("ockam.channel.static", "Static key, encrypted"),
	identity = ProtoField.bytes("ockam.channel.identity",
		"Identity and credentials, encrypted"),
	nonce = ProtoField.uint64("ockam.channel.nonce", "Nonce"),
	generation = ProtoField.uint64("ockam.channel.generation", "Generation of keys"),
	ciphertext = ProtoField.bytes("ockam.channel.ciphertext", "Ciphertext"),
	tag = ProtoField.bytes("ockam.channel.tag", "Tag"),
	number = ProtoField.uint16("ockam.udp.number", "Routing number"),
	offset = ProtoField.uint32("ockam.udp.offset", "Offset"),
	last = ProtoField.bool("ockam.udp.last", "Last piece"),
	piece = ProtoField.bytes("ockam.udp.piece", "Piece"),
}
ockam.fields = f

local e = {
	bad = ProtoExpert.new("ockam.bad", "Not what Ockam sends",
		expert.group.MALFORMED, expert.severity.ERROR),
	guess = ProtoExpert.new("ockam.guess", "No handshake seen, a guess",
		expert.group.ASSUMPTION, expert.severity.NOTE),
	lost = ProtoExpert.new("ockam.lost", "Its other pieces are missing",
		expert.group.SEQUENCE, expert.severity.WARN),
}
ockam.experts = e

-- Addresses that wait for, or have had, a message of a handshake: the step that
-- comes to them next.  What a frame's payloads were is kept, as frames are
-- dissected more than once and in any order.
local expected = {}
local steps = {}
local sources = {}
local whole = {}

function ockam.init()
	expected = {}
	steps = {}
	sources = {}
	whole = {}
end

-- ---- CBOR: each returns nil for what is not there ----

-- Major type, value, where the content begins.
local function head(tvb, at)
	if at >= tvb:len() then return nil end
	local first = tvb(at, 1):uint()
	local major = math.floor(first / 32)
	local info = first % 32
	if info < 24 then return major, info, at + 1 end
	if info > 26 then return nil end
	local n = 2 ^ (info - 24)
	if at + 1 + n > tvb:len() then return nil end
	return major, tvb(at + 1, n):uint(), at + 1 + n
end

local function string_of(tvb, at, want)
	local major, len, start = head(tvb, at)
	if major ~= want or start + len > tvb:len() then return nil end
	return start, len, start + len
end

-- Past one item of any kind.
local function skip(tvb, at, depth)
	local major, value, start = head(tvb, at)
	if not major or depth > MAX_DEPTH then return nil end
	if major == 2 or major == 3 then
		return start + value <= tvb:len() and start + value or nil
	end
	if major == 6 then return skip(tvb, start, depth + 1) end
	if major ~= 4 and major ~= 5 then return start end
	for _ = 1, major == 5 and 2 * value or value do
		start = skip(tvb, start, depth + 1)
		if not start then return nil end
	end
	return start
end

local function bytes_text(range)
	local raw = range:bytes():raw()
	return raw:find("^[\32-\126]*$") and raw or "0x" .. range:bytes():tohex(true)
end

-- One address: { text, start, len of all, name, type }
local function address(tvb, at)
	local major, n, pos = head(tvb, at)
	if major ~= 4 or n ~= 2 then return nil end
	local kind, start, len
	major, kind, pos = head(tvb, pos)
	if major ~= 0 or kind > 255 then return nil end
	start, len, pos = string_of(tvb, pos, 2)
	if not start then return nil end
	local name = len > 0 and bytes_text(tvb(start, len)) or ""
	return { text = kind .. "#" .. name, name = name, kind = kind,
		 start = at, len = pos - at }, pos
end

local function route(tvb, at)
	local major, n, pos = head(tvb, at)
	if major ~= 4 then return nil end
	local r = { start = at }
	for i = 1, n do
		r[i], pos = address(tvb, pos)
		if not r[i] then return nil end
	end
	r.len = pos - at
	return r, pos
end

local function route_text(r)
	local t = {}
	for i, a in ipairs(r) do t[i] = a.text end
	return table.concat(t, " => ")
end

-- A routed message: nil, or its parts.
local function parse(tvb)
	local major, n, pos = head(tvb, 0)
	if major ~= 4 or n < 3 then return nil end
	local m = {}
	m.onward, pos = route(tvb, pos)
	if not m.onward then return nil end
	m.ret, pos = route(tvb, pos)
	if not m.ret then return nil end
	m.payload, m.payload_len, pos = string_of(tvb, pos, 2)
	if not m.payload then return nil end
	for i = 4, n do
		local start, len = string_of(tvb, pos, 3)
		if i == 4 and start then m.tracing, m.tracing_len = start, len end
		pos = skip(tvb, pos, 0)
		if not pos then return nil end
	end
	return m
end

-- ---- secure channels ----

local function last_name(r)
	local a = r[#r]
	return a and a.kind == 0 and a.name or nil
end

local function is_generated(name)
	return name and #name == NAME_LEN and name:find("^%x+$") ~= nil
end

-- Which step a message is: number, and whether that is only a guess.
local function step_of(m)
	local to, from = last_name(m.onward), last_name(m.ret)
	local wants = to and expected[to]
	if m.payload_len == 32 and is_generated(from) and not wants then
		expected[from] = 2
		return 1
	end
	-- 32 + 48 + 16, and 48 + 16
	if wants == 2 and m.payload_len >= 96 and from then
		expected[to] = 4
		expected[from] = 3
		return 2
	end
	if wants == 3 and m.payload_len >= 64 and from then
		expected[to] = 4
		return 3
	end
	if #m.ret > 0 or m.payload_len < 24 then return nil end
	if wants == 4 then return 4 end
	return is_generated(to) and 4 or nil, true
end

local function channel_tree(range, step, tree)
	local len = range:len()
	if step == 1 then
		tree:add(f.ephemeral, range(0, 32))
	elseif step == 2 then
		tree:add(f.ephemeral, range(0, 32))
		tree:add(f.static, range(32, 48))
		tree:add(f.identity, range(80))
	elseif step == 3 then
		tree:add(f.static, range(0, 48))
		tree:add(f.identity, range(48))
	else
		tree:add(f.nonce, range(0, 8))
		tree:add(f.generation, range(0, 8), range(0, 8):uint64() / UInt64(32))
		if len > 24 then tree:add(f.ciphertext, range(8, len - 24)) end
		tree:add(f.tag, range(len - 16, 16))
	end
end

-- ---- the routed message ----

local function add_route(tvb, r, field, tree)
	local sub = tree:add(field, tvb(r.start, r.len), route_text(r))
	for _, a in ipairs(r) do
		local kind = TYPES[a.kind]
		sub:add(f.address, tvb(a.start, a.len), a.text):append_text(
			kind and " (" .. kind .. ")" or "")
	end
end

-- key: names the message among all of the capture
local function routed(tvb, pinfo, tree, key)
	local m = parse(tvb)
	if not m then
		tree:add_proto_expert_info(e.bad)
		return "malformed"
	end
	if not pinfo.visited or not steps[key] then
		local step, guess = step_of(m)
		steps[key] = { step = step, guess = step and guess }
	end
	local seen = steps[key]

	add_route(tvb, m.onward, f.onward, tree)
	add_route(tvb, m.ret, f.ret, tree)
	if m.payload_len > 0 then
		local range = tvb(m.payload, m.payload_len)
		local sub = tree:add(f.payload, range)
		if seen.step then
			sub = tree:add(f.step, range, seen.step)
			if seen.guess then sub:add_proto_expert_info(e.guess) end
			channel_tree(range, seen.step, sub)
		end
	end
	if m.tracing then
		local range = tvb(m.tracing, m.tracing_len)
		tree:add(f.tracing, range, m.tracing_len > 0 and range:string() or "")
	end
	if #m.onward == 0 then
		tree:add(f.heartbeat, true):set_generated()
		return "heartbeat"
	end
	return route_text(m.onward) .. (seen.step and ", " .. STEPS[seen.step] or "")
end

local function column(pinfo, words)
	pinfo.cols.protocol = "Ockam"
	if #words > 0 then pinfo.cols.info = table.concat(words, "; ") end
end

-- ---- TCP: a version, then frames ----

-- No frame begins with 1: that would be its length, which is at most 2^24 and
-- that length is never used.
local function tcp(tvb, pinfo, tree)
	local at, words, len = 0, {}, tvb:len()

	if tvb:captured_len() < len then return 0 end
	local top = tree:add(ockam, tvb())
	if tvb(0, 1):uint() == 1 then
		top:add(f.version, tvb(0, 1))
		words[1] = "version 1"
		at = 1
	end
	while at < len do
		local more = DESEGMENT_ONE_MORE_SEGMENT
		if len - at >= 4 then
			local n = tvb(at, 4):uint()
			if n > MAX_MESSAGE or n == 0 then
				top:add_tvb_expert_info(e.bad, tvb(at, 4))
				break
			end
			more = 4 + n - (len - at)
			if more <= 0 then
				local sub = top:add(ockam, tvb(at, 4 + n), "Ockam message")
				sub:add(f.length, tvb(at, 4))
				words[#words + 1] = routed(tvb(at + 4, n):tvb(), pinfo, sub,
					pinfo.number .. "/" .. at)
				more = nil
				at = at + 4 + n
			end
		end
		if more then
			pinfo.desegment_offset = at
			pinfo.desegment_len = more
			break
		end
	end
	column(pinfo, words)
	return len
end

-- ---- UDP: pieces ----

local function piece_of(tvb)
	local p = {}
	local major, n, pos = head(tvb, 0)
	if major ~= 4 or n ~= 5 then return nil end
	for i, name in ipairs({ "version", "number", "offset" }) do
		local start = pos
		major, p[name], pos = head(tvb, pos)
		if major ~= 0 then return nil end
		p[i] = { start, pos - start }
	end
	local simple
	p[4] = { pos, 1 }
	major, simple, pos = head(tvb, pos)
	if major ~= 7 or (simple ~= 20 and simple ~= 21) then return nil end
	p.last = simple == 21
	p.start, p.len, pos = string_of(tvb, pos, 2)
	return p.start and p or nil
end

-- As the receiver does it: one message at a time for each source.
local function collect(tvb, pinfo, p)
	local key = tostring(pinfo.src) .. ":" .. pinfo.src_port .. ">" ..
		tostring(pinfo.dst) .. ":" .. pinfo.dst_port
	local s = sources[key]

	if not s or s.number ~= p.number then
		s = { number = p.number, buf = ByteArray.new() }
		sources[key] = s
	end
	if s.buf:len() ~= p.offset then
		sources[key] = nil
		whole[pinfo.number] = "lost"
		return
	end
	if p.len > 0 then s.buf = s.buf .. tvb(p.start, p.len):bytes() end
	if not p.last then return end
	sources[key] = nil
	whole[pinfo.number] = s.buf
end

local function udp(tvb, pinfo, tree)
	local p = piece_of(tvb)

	if not p then return 0 end
	local top = tree:add(ockam, tvb())
	top:add(f.version, tvb(p[1][1], p[1][2]), p.version)
	top:add(f.number, tvb(p[2][1], p[2][2]), p.number)
	top:add(f.offset, tvb(p[3][1], p[3][2]), p.offset)
	top:add(f.last, tvb(p[4][1], 1), p.last)
	if p.len > 0 then top:add(f.piece, tvb(p.start, p.len)) end
	if not pinfo.visited then collect(tvb, pinfo, p) end
	local all = whole[pinfo.number]
	if all == "lost" then
		top:add_proto_expert_info(e.lost)
		column(pinfo, { "piece " .. p.number .. " at " .. p.offset .. ", lost" })
	elseif all and all:len() > 0 then
		local message = all:tvb("Ockam message")
		column(pinfo, { routed(message, pinfo, top, pinfo.number .. "/udp") })
	else
		column(pinfo, { "piece " .. p.number .. " at " .. p.offset })
	end
	return tvb:len()
end

-- ---- who gets what ----

function ockam.dissector(tvb, pinfo, tree)
	if pinfo.port_type == 3 then return udp(tvb, pinfo, tree) end
	return tcp(tvb, pinfo, tree)
end

-- A frame whose message begins as one does.
local function looks_like_frame(tvb, at)
	if tvb:len() < at + 6 or tvb(at, 1):uint() ~= 0 then return false end
	local array, inner = tvb(at + 4, 1):uint(), tvb(at + 5, 1):uint()
	return (array == 0x83 or array == 0x84) and inner >= 0x80 and inner <= 0x98
end

ockam:register_heuristic("tcp", function(tvb, pinfo, tree)
	local at = tvb:len() > 1 and tvb(0, 1):uint() == 1 and 1 or 0
	if not looks_like_frame(tvb, at) then return false end
	pinfo.conversation = ockam
	tcp(tvb, pinfo, tree)
	return true
end)

ockam:register_heuristic("udp", function(tvb, pinfo, tree)
	local p = tvb:len() > 8 and tvb(0, 2):uint() == 0x8501 and piece_of(tvb)
	return p and udp(tvb, pinfo, tree) > 0 or false
end)

DissectorTable.get("tcp.port"):add_for_decode_as(ockam)
DissectorTable.get("udp.port"):add_for_decode_as(ockam)
DissectorTable.get("tcp.port"):add(4000, ockam)
DissectorTable.get("udp.port"):add(4000, ockam)
