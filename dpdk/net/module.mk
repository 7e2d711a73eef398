MODULES += net
net_DIR := dpdk/net
net_DEPS := port core telemetry
