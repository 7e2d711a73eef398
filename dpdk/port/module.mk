MODULES += port
port_DIR := dpdk/port
port_DEPS := core telemetry
port_PKGS := libdpdk
port_LIBS := -lrte_net_ring -lrte_bus_vdev
