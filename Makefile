# SPDX-License-Identifier: BSD-2-Clause
# syngate. `make help` lists the targets; outputs go to out/ (or O=DIR), quiet unless V=1.

O        ?= out
CC       ?= gcc
CLANG    ?= clang
BPFTOOL  ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
STRIP    ?= llvm-strip
OBJCOPY  ?= objcopy
SAN      ?=# SAN=1: AddressSanitizer and UndefinedBehaviorSanitizer

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' $(1) $(2);)

WARN     := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
CFLAGS   ?= -O2 -g
comma    := ,
# gcc's flow warnings are guesses under the sanitizers; the plain build has them all
SANFLAGS := $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer -Wno-maybe-uninitialized -Wno-format-truncation)
ALL_CFLAGS := -std=gnu11 -D_GNU_SOURCE $(WARN) -Iinclude -Iuser -I$(O) $(CFLAGS) $(SANFLAGS) -MMD -MP
LIBS     := -lxdp -lbpf -lelf -lz -ljansson -lmnl -lcap-ng -lpthread
MULTIARCH := $(shell $(CC) -print-multiarch)
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -fno-strict-aliasing -Wall -Wextra -Werror -Iinclude -I/usr/include/$(MULTIARCH) \
	$(if $(filter x86_64,$(shell uname -m)),-DSG_BPF_X86)

ENGINE_SRC := $(wildcard user/tcp/*.c user/wire/*.c)
LIBENGINE_SRC := $(wildcard user/engine/*.c)
DAEMON_SRC := $(wildcard user/io/*.c user/app/*.c user/daemon/*.c)
CLI_SRC    := $(wildcard user/cli/*.c)
LIB_SRC    := $(wildcard user/lib/*.c) user/app/endpoint.c
DAEMON_MAIN := $(O)/user/daemon/main.o
obj = $(patsubst %.c,$(O)/%.o,$(1))

ENGINE_OBJ := $(call obj,$(ENGINE_SRC))
LIBENGINE  := $(O)/libsyngate-engine.a
DAEMON_OBJ := $(filter-out $(DAEMON_MAIN),$(call obj,$(DAEMON_SRC)))
CLI_OBJ    := $(call obj,$(CLI_SRC) user/lib/channel.c user/lib/why.c)
LIB_OBJ    := $(patsubst %.c,$(O)/pic/%.o,$(LIB_SRC))
LIB_ABI    := 0
EXEC_OBJ   := $(patsubst %.c,$(O)/pic/%.o,$(wildcard user/exec/*.c)) $(LIB_OBJ)
EXEC_LIB   := $(O)/libsyngate-exec.so
LIB        := $(O)/libsyngate.a $(O)/libsyngate.so.$(LIB_ABI) $(O)/libsyngate.so
EXAMPLES   := $(patsubst examples/%.c,$(O)/examples/%,$(wildcard examples/*.c))
SKEL       := $(O)/front.skel.h
LOAD_OBJ   := $(patsubst %.c,$(O)/%.o,$(filter-out %.bpf.c,$(wildcard tools/synload/*.c)))
MAN8       := $(if $(shell command -v scdoc),$(O)/man/synload.8)
LOAD_SKEL  := $(O)/tools/synload/synload.skel.h

UNIT := $(patsubst tests/unit/%.c,$(O)/tests/unit/%,$(wildcard tests/unit/test_*.c))
SIM  := $(patsubst tests/sim/%.c,$(O)/tests/sim/%,$(wildcard tests/sim/test_*.c))
BPFT := $(patsubst tests/bpf/%.c,$(O)/tests/bpf/%,$(wildcard tests/bpf/test_*.c))
ENGT := $(patsubst tests/engine/%.c,$(O)/tests/engine/%,$(wildcard tests/engine/test_*.c))
FUZZ := $(patsubst tests/fuzz/fuzz_%.c,$(O)/tests/fuzz/replay_%,$(wildcard tests/fuzz/fuzz_*.c))
HOST := $(patsubst tests/host/%.c,$(O)/tests/host/%,$(wildcard tests/host/test_*.c))
DRIVER_OBJ := $(patsubst %,$(O)/tests/host/%.o,driver maps memory)
BENCH := $(addprefix $(O)/tests/bench/,engine stream strangers tally reflector.bpf.o drop.bpf.o floor.bpf.o) \
	$(O)/tests/bpf/cost $(O)/tests/bpf/scatter.bpf.o
NETNS_BPF := $(patsubst %.c,$(O)/%.o,$(wildcard tests/netns/*.bpf.c))

PREFIX ?= /usr/local
DESTDIR ?=
LIBDIR ?= $(PREFIX)/lib/$(MULTIARCH)
VERSION := $(shell sed -n 's/^.define CLI_VERSION "\(.*\)"/\1/p' user/cli/cli.h)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
.PHONY: engine examples fuzz all help deps demo check unit bpf-tests netns-bpf tests bench soak install format clean

all: $(O)/syngate $(O)/syngated $(O)/synload $(LIB) $(EXEC_LIB) $(MAN8) ## build the commands and libsyngate

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

deps: ## install what building and testing need (Debian, as root)
	$(Q)tools/deps

demo: ## the main job, visibly: two namespaces, real clients, the queues, a SYN flood
	$(Q)tools/deps
	$(Q)$(MAKE) --no-print-directory all netns-bpf
	$(Q)O=$(O) tools/demo

check: ## every test (one: tests/run NAME)
	$(Q)tools/deps
	$(Q)O=$(O) tests/run

bench: ## speed through syngate beside the same server without it
	$(Q)tools/deps
	$(Q)$(MAKE) --no-print-directory all examples netns-bpf $(BENCH)
	$(Q)O=$(O) tests/bench/run
	$(Q)O=$(O) tests/bench/cps
	$(Q)O=$(O) tests/bench/flood

soak: ## load under loss for MINUTES (10), then floods for 15, with the sanitizers; nothing may be left behind
	$(Q)tools/deps
	$(Q)$(MAKE) --no-print-directory O=$(O)/san SAN=1 all netns-bpf unit $(O)/san/tests/bench/strangers
	$(Q)O=$(O)/san tests/soak $(MINUTES)
	$(Q)O=$(O)/san SECONDS_EACH=60 tests/netns/floods.sh

install: all ## copy commands, libsyngate and man pages to DESTDIR/PREFIX
	$(call say,INSTALL,$(DESTDIR)$(PREFIX)/sbin)install -d $(DESTDIR)$(PREFIX)/sbin && \
	install -m 0755 $(O)/syngate $(O)/syngated $(O)/synload $(DESTDIR)$(PREFIX)/sbin
	$(Q)install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(PREFIX)/include && \
	install -m 0644 include/syngate.h $(DESTDIR)$(PREFIX)/include && \
	install -m 0644 $(O)/libsyngate.a $(O)/libsyngate.so.$(LIB_ABI) $(DESTDIR)$(LIBDIR) && \
	install -m 0755 $(EXEC_LIB) $(DESTDIR)$(LIBDIR) && \
	ln -sf libsyngate.so.$(LIB_ABI) $(DESTDIR)$(LIBDIR)/libsyngate.so && \
	sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(VERSION)|' \
		user/lib/syngate.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/syngate.pc
	$(if $(MAN8),$(Q)install -d $(DESTDIR)$(PREFIX)/share/man/man8 && \
	install -m 0644 $(MAN8) $(DESTDIR)$(PREFIX)/share/man/man8)

$(O)/man/%: docs/man/%.scd
	@mkdir -p $(@D)
	$(call say,MAN,$@)scdoc <$< >$@

$(SKEL): $(O)/front.bpf.o
	$(call say,SKEL,$@)$(BPFTOOL) gen skeleton $< name front_bpf > $@

$(O)/front.bpf.o: bpf/front.bpf.c $(wildcard bpf/*.h include/syngate/*.h) Makefile
	@mkdir -p $(@D)
	$(call say,BPF,$@)$(CLANG) $(BPF_CFLAGS) -c $< -o $@ && $(STRIP) -g $@

$(LOAD_SKEL): $(O)/tools/synload/synload.bpf.o
	$(call say,SKEL,$@)$(BPFTOOL) gen skeleton $< name synload_bpf > $@

$(O)/tools/synload/synload.bpf.o: $(wildcard tools/synload/*.bpf.c tools/synload/*.h include/syngate/*.h) Makefile
	@mkdir -p $(@D)
	$(call say,BPF,$@)$(CLANG) $(BPF_CFLAGS) -c $< -o $@ && $(STRIP) -g $@

$(O)/tests/%.bpf.o: tests/%.bpf.c Makefile
	@mkdir -p $(@D)
	$(call say,BPF,$@)$(CLANG) $(BPF_CFLAGS) -c $< -o $@ && $(STRIP) -g $@

$(LOAD_OBJ): $(LOAD_SKEL)

$(filter $(O)/user/io/%,$(DAEMON_OBJ)) $(HOST:=.o): $(SKEL)

$(O)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(ALL_CFLAGS) -c $< -o $@

$(O)/libengine.a: $(ENGINE_OBJ)
	$(call say,AR,$@)rm -f $@ && ar rcs $@ $^

engine: $(LIBENGINE) ## the TCP engine alone: a static library for include/syngate_engine.h

# for programs (include/syngate.h): a static and a shared one, no name but syngate_*
$(O)/pic/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(ALL_CFLAGS) -fPIC -fvisibility=hidden -c $< -o $@

$(O)/libsyngate.a: $(LIB_OBJ)
	$(call say,AR,$@)$(LD) -r -o $(O)/libsyngate.o $^ && \
	$(OBJCOPY) --wildcard --keep-global-symbol='syngate_*' $(O)/libsyngate.o && \
	rm -f $@ && ar rcs $@ $(O)/libsyngate.o

$(O)/libsyngate.so.$(LIB_ABI): $(LIB_OBJ) user/lib/libsyngate.map
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) -shared -Wl,-soname,libsyngate.so.$(LIB_ABI) \
	-Wl,--version-script=user/lib/libsyngate.map $(LIB_OBJ) -o $@

$(O)/libsyngate.so: $(O)/libsyngate.so.$(LIB_ABI)
	$(Q)ln -sf $(<F) $@

# for programs that know nothing of us (`syngate exec`): what it takes over is all that it shows
$(EXEC_LIB): $(EXEC_OBJ) user/exec/exec.map
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) -shared -Wl,-soname,$(@F) \
	-Wl,--version-script=user/exec/exec.map $(EXEC_OBJ) -o $@

# as their readers build them: the header and the library
$(O)/examples/%: examples/%.c $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) -std=c11 -D_GNU_SOURCE $(WARN) -Iinclude $(CFLAGS) $(SANFLAGS) $< \
	-o $@ -L$(O) -lsyngate -Wl,-rpath,'$$ORIGIN/..'

# one object that gives no name away but its own
$(LIBENGINE): $(ENGINE_OBJ) $(call obj,$(LIBENGINE_SRC))
	$(call say,AR,$@)$(LD) -r -o $(O)/engine.o $^ && \
	$(OBJCOPY) --wildcard --keep-global-symbol='sge_*' $(O)/engine.o && \
	rm -f $@ && ar rcs $@ $(O)/engine.o
	$(Q)$(if $(SAN),,! nm -u $@ | grep -E ' U ' | grep -vE ' (mem(cpy|move|set|cmp)|strcmp|__assert_fail)$$' || \
		{ echo "the engine wants more than mem*, strcmp and assert"; rm -f $@; exit 1; })

$(O)/syngate: $(CLI_OBJ) $(DAEMON_OBJ) $(O)/libengine.a
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $^ -o $@ $(LIBS)

$(O)/syngated: $(DAEMON_MAIN) $(DAEMON_OBJ) $(O)/libengine.a
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $^ -o $@ $(LIBS)

# the traffic generator: of `user/`, the way to a neighbour and the reading of a command line
$(O)/synload: $(LOAD_OBJ) $(patsubst %,$(O)/user/io/%.o,clock err neigh netif route rtnl) \
		$(patsubst %,$(O)/user/cli/%.o,addr nearest value)
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $^ -o $@ -lbpf -ljansson -lmnl -lpthread -lm

$(O)/tests/unit/%: $(O)/tests/unit/%.o $(O)/libengine.a
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $^ -o $@ -lcmocka -ljansson -lmnl

$(O)/tests/unit/test_matrix: $(O)/user/engine/driver.o # its segments come through it

$(O)/tests/sim/%: $(O)/tests/sim/%.o $(O)/user/engine/driver.o $(O)/libengine.a
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $^ -o $@ -lcmocka

# the engine once more, so that it calls test_crash before each store
CRASH_OBJ := $(patsubst %.c,$(O)/crash/%.o,$(wildcard user/tcp/*.c))
$(O)/crash/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CLANG) -std=gnu11 -D_GNU_SOURCE -Iinclude -Iuser -g -O1 -MMD -MP \
	-fsanitize-coverage=trace-pc-guard,trace-stores -c $< -o $@

$(O)/tests/sim/test_crash: $(O)/tests/sim/test_crash.o $(CRASH_OBJ) $(O)/user/engine/driver.o \
		$(call obj,$(wildcard user/wire/*.c))
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) -Wl,--wrap=memcpy,--wrap=memmove,--wrap=memset $^ -o $@ -lcmocka

# as a stranger builds it: the header and the library, nothing else of ours
$(O)/tests/engine/%: tests/engine/%.c $(LIBENGINE) $(wildcard tests/engine/*.h)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) -std=c11 -D_GNU_SOURCE $(WARN) -Iinclude $(CFLAGS) $(SANFLAGS) $< $(LIBENGINE) -o $@ -lcmocka

$(O)/tests/bpf/%: $(O)/tests/bpf/%.o $(DAEMON_OBJ) $(O)/libengine.a
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $^ -o $@ -lcmocka $(LIBS)

$(O)/tests/bpf/test_model: $(call obj,$(wildcard tests/bpf/model*.c))

# the XDP program for the host: its pointers alias and are unaligned, as BPF's may
$(O)/tests/host/driver.o: ALL_CFLAGS += -Itests/host -fno-strict-aliasing \
	$(if $(SAN),-fno-sanitize=alignment)

$(O)/tests/host/%: $(O)/tests/host/%.o $(DRIVER_OBJ) $(DAEMON_OBJ) $(O)/libengine.a
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $^ -o $@ -lcmocka $(LIBS)

$(O)/tests/netns/inject: $(O)/tests/netns/inject.o
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $^ -o $@ -lbpf

# libFuzzer: the engine's sources once more, with clang and coverage
FUZZ_SRC := $(ENGINE_SRC) $(LIBENGINE_SRC)
$(O)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(FUZZ_SRC) $(wildcard tests/fuzz/*.h user/*/*.h include/*.h include/syngate/*.h)
	@mkdir -p $(@D)
	$(call say,FUZZ,$@)$(CLANG) -std=gnu11 -D_GNU_SOURCE -g -O1 -Iinclude -Iuser -Itests/fuzz \
	-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all $< $(FUZZ_SRC) -o $@

fuzz: $(patsubst tests/fuzz/%.c,$(O)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c)) ## build the fuzzers (tests/fuzz/run TARGET SECONDS)

# the same targets without it, for the corpus
$(O)/tests/fuzz/replay_%: $(O)/tests/fuzz/fuzz_%.o $(O)/tests/fuzz/replay.o $(call obj,$(LIBENGINE_SRC)) $(O)/libengine.a
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $^ -o $@

$(O)/tests/netns/path: $(O)/tests/netns/path.o
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $^ -o $@

$(O)/tests/bench/engine: $(O)/tests/bench/engine.o $(O)/user/engine/driver.o $(O)/libengine.a
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $^ -o $@

$(O)/tests/bench/tally: $(O)/tests/bench/tally.o
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $^ -o $@ -lbpf

$(O)/tests/bench/stream $(O)/tests/bench/strangers: %: %.o
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $^ -o $@

unit: $(UNIT) $(SIM) $(ENGT) $(FUZZ)
bpf-tests: $(BPFT) $(HOST)
netns-bpf: $(NETNS_BPF)
examples: $(EXAMPLES) ## servers on libsyngate, and the same ones on the kernel's sockets
tests: unit bpf-tests netns-bpf examples $(addprefix $(O)/tests/,netns/inject netns/path bench/strangers) ## build the tests (SAN=1 O=DIR: with ASan and UBSan)

format: ## put every source into the project's style
	$(Q)git ls-files '*.c' '*.h' | xargs clang-format -i

clean: ## remove what was built
	$(Q)rm -rf $(O)

-include $(shell find $(O) -name '*.d' 2>/dev/null)
