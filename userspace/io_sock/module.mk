MODULES += io_sock
io_sock_DIR := userspace/io_sock
io_sock_DEPS := core telemetry
