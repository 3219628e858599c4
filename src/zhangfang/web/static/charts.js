// Pay-in by hour. Bars from zero, yesterday as a thin step, the cut-off in cinnabar, what is unknown in a strip of its own.
(() => {
  const box = document.getElementById("chart"), data = JSON.parse(document.getElementById("chart-data").textContent);
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const zh = data.words.lang === "zh", hours = data.today.map((_, hour) => hour);
  const short = (fen) => { // an axis may shorten; no figure does
    const yuan = fen / 100, [step, mark] = zh ? [10000, "万"] : [1000, "K"];
    return yuan >= step ? `${+(yuan / step).toFixed(1)}${mark}` : String(yuan);
  };
  const exact = (fen) => `${Math.floor(fen / 100).toLocaleString("en")}.${String(fen % 100).padStart(2, "0")}`;
  const chart = echarts.init(box, null, { renderer: "canvas" });

  const draw = () => {
    const text = { color: css("--zf-ink-2"), fontSize: 11, fontFamily: css("--zf-sans") };
    const line = { axisLine: { lineStyle: { color: css("--zf-rule-2") } }, axisTick: { show: false } };
    const most = Math.max(4, ...data.unknown), left = zh ? 44 : 48;
    chart.setOption({
      animation: false, textStyle: { fontFamily: css("--zf-sans") },
      tooltip: { trigger: "axis", renderMode: "richText", axisPointer: { type: "shadow" }, backgroundColor: css("--zf-sheet"), borderColor: css("--zf-rule-2"), textStyle: { ...text, color: css("--zf-ink") },
        formatter: (all) => `${all[0].axisValue}:00\n${all.filter((one) => one.seriesIndex < 2).map((one) => exact(one.value)).join("\n")}` },
      grid: [{ left, right: 8, top: 14, bottom: 68 }, { left, right: 8, bottom: 4, height: 22 }],
      xAxis: [
        { type: "category", data: hours, ...line, axisLabel: { ...text, interval: box.clientWidth < 480 ? 5 : 2, formatter: (hour) => `${hour}:00` } },
        { type: "category", gridIndex: 1, data: hours, ...line, axisLabel: { show: false } },
      ],
      yAxis: [
        { type: "value", min: 0, max: (seen) => (seen.max > 0 ? null : 30000), minInterval: 100, splitNumber: 3, axisLabel: { ...text, formatter: short }, splitLine: { lineStyle: { color: css("--zf-rule") } } },
        { type: "value", gridIndex: 1, max: most, interval: most, axisLabel: { show: false }, splitLine: { show: false } },
      ],
      series: [
        { type: "bar", barWidth: "56%", itemStyle: { color: css("--zf-indigo") },
          data: data.today.map((fen, hour) => (hour === data.running ? { value: fen, itemStyle: { color: css("--zf-indigo-t"), borderColor: css("--zf-indigo"), borderType: "dashed", borderWidth: 1 } } : fen)),
          markLine: { silent: true, symbol: "none", lineStyle: { color: css("--zf-seal"), type: "solid", width: 1 }, data: [{ xAxis: data.cutoff }],
            label: { formatter: data.words.cutoff, color: css("--zf-seal"), fontSize: 11, position: "insideEndTop", rotate: 0, offset: [-36, 10], backgroundColor: css("--zf-sheet"), padding: [1, 3] } } },
        { type: "line", step: "middle", symbol: "none", data: data.before, lineStyle: { color: css("--zf-ink-2"), width: 1 } },
        { type: "bar", barWidth: "56%", xAxisIndex: 1, yAxisIndex: 1, data: data.unknown, itemStyle: { color: css("--zf-ochre-l") },
          label: { show: true, position: "top", distance: 1, fontSize: 10, color: css("--zf-ochre"), formatter: (one) => one.value || "" } },
      ],
    });
  };
  draw();
  addEventListener("resize", () => { chart.resize(); draw(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
