MODULES += router
router_DIR := userspace/router
router_DEPS := core
