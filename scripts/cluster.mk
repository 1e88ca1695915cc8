# Planning in a Makefile: `include …/scripts/cluster.mk`, then for example
#
#     site: $(OUT)/planned.json
#
# CLUSTER is the document, OUT the folder for what is made, BIN a prefix for the programs where they are not on the
# PATH (with its slash). Each tool's document is a target of its own, made of the one before it, and is made again when
# what it comes from changed. A "no" stops make and leaves no half-written target.
# shellcheck shell=bash disable=all
CLUSTER ?= cluster.json
OUT ?= out
BIN ?=
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

# pi-partition and pi-dockerroot are about what a node's disk is like now. Until that is known their answer is no, which
# would stop everything behind them; so they stand beside the chain.
$(OUT)/poe-budget.json: $(CLUSTER)
$(OUT)/pi-wifi.json: $(OUT)/poe-budget.json
$(OUT)/gluster-plan.json: $(OUT)/pi-wifi.json
$(OUT)/k3s-join.json: $(OUT)/gluster-plan.json
$(OUT)/nat-gen.json: $(OUT)/k3s-join.json
$(OUT)/pi-partition.json: $(CLUSTER)
$(OUT)/pi-dockerroot.json: $(OUT)/pi-partition.json

# The last of the chain.
$(OUT)/planned.json: $(OUT)/nat-gen.json
	cp $(<) $(@)

$(OUT)/nat.rsc: $(OUT)/planned.json
	$(BIN)nat-gen -f rsc $(<) >$(@)

$(OUT)/%.json:
	mkdir -p $(@D)
	$(BIN)$(*) $(firstword $(^)) >$(@)

$(OUT)/%.txt: $(CLUSTER)
	mkdir -p $(@D)
	$(BIN)$(*) -f text $(<) >$(@)
