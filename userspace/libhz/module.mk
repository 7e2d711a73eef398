MODULES += libhz
libhz_DIR := userspace/libhz
libhz_DEPS := server api
