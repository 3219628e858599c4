"""The benchmarks of Zhangfang. Each figure is compared with a floor, the least that the same machine needs in the same
run."""
